"""`pose predict` on videos and cameras: reading, tracking, smoothing, writing."""

_COMMON = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
_OF_CAMERAS_AND_STREAMS = (".ts", ".mts", ".m2ts", ".3gp", ".flv", ".ogv", ".mjpeg")
VIDEO_SUFFIXES = (*_COMMON, *_OF_CAMERAS_AND_STREAMS)
