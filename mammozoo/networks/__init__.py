# SPDX-License-Identifier: Apache-2.0
"""Networks, one paper a file."""
