"""Annotations of other tools to and from COCO keypoints: `pose convert`, and `pose split`."""
