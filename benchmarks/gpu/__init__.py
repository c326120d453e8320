"""What a GPU is to show: stages for a device, and a model of cost that needs none."""
