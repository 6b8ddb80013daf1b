# SPDX-License-Identifier: Apache-2.0
"""Pure array functions: arrays in, arrays out, no files, no random state."""
