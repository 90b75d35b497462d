"""What the loaded model has read and still knows: buffers on the device, and conversations kept in tiers."""
