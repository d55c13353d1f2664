"""Files of unknown origin → clips: decoding, cutting, splitting."""
