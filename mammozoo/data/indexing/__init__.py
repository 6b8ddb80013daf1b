# SPDX-License-Identifier: Apache-2.0
"""What a data set holds and what is odd in it."""
