"""What the paper compares TGAN with: other generators and other constraints of the critic."""
