"""Who calls: tokens that are verified, the keys they are verified with, and the door that the policy's rows make."""
