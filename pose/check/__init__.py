"""What is wrong with a keypoint dataset, all of it at once: `pose check`.

The reader for training (`pose.data.coco`) stops at the first error. This one walks the raw JSON leniently, looks at
the images, and groups what it finds by kind (`pose.check.kinds`).
"""
