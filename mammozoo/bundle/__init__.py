# SPDX-License-Identifier: Apache-2.0
"""Bundle tools: composing, checking, packaging and running."""
