"""From recorded sessions to a model folder: pretrain, fine-tune, evaluate, export. Torch lives here, nowhere else."""
