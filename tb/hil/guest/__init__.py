# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest is given: an initramfs with busybox and `init`, and an ext4 disk."""
