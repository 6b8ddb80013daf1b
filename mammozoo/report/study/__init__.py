# SPDX-License-Identifier: Apache-2.0
"""The page that shows a reader what was predicted for a study."""
