# SPDX-License-Identifier: Apache-2.0
"""Detection of masses: batches of several sizes, boxes as a metric, lesions as they are scored."""
