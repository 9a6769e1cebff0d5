"""Programs that guidance is sent to (an archive, 3D Slicer): one file each; its name is the name in the config."""
