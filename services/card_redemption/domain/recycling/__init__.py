"""Recycling of gift cards (E卡回收): what a channel pays, until when and at what cost it lets an order be cancelled."""
