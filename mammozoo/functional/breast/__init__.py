# SPDX-License-Identifier: Apache-2.0
"""The breast and the pectoral muscle."""
