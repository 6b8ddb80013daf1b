# SPDX-License-Identifier: Apache-2.0
"""Hybrid training: patches, and whole mammograms with patches among them."""
