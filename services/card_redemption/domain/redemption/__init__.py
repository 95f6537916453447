"""The redemption of one gift card (回收订单): from the submission to the payout, and who redeems it (DOMAIN 2.8)."""
