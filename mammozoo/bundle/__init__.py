# SPDX-License-Identifier: Apache-2.0
"""Bundle tools: loading, running, checking, exporting and packaging."""
