"""`pose predict` on videos and cameras: reading, tracking, smoothing, writing."""

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
