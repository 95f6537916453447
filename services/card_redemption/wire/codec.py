"""The registry of everything that travels: commands in, results and facts out."""

from services.card_redemption.domain import commands, effects, events
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.channels.channel import Channel, ChannelVersion
from services.card_redemption.domain.channels.events import ChannelPolicyApproved, ChannelPolicyProposed
from services.card_redemption.domain.redemption.drafts import Prepared
from services.card_redemption.domain.redemption.events import FreezeCaseOpened, RedemptionStepped
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.submitting import Denied
from services.card_redemption.domain.working_days.events import CalendarApproved, CalendarProposed
from services.card_redemption.domain.working_days.year import Calendar
from services.card_redemption.wire import calendars, channels, redemptions, views
from services.card_redemption.wire import commands as read
from services.card_redemption.wire import effects as told
from services.card_redemption.wire import events as facts
from services.card_redemption.wire.disputes import DISPUTES
from services.card_redemption.wire.enterprise import ENTERPRISE
from services.card_redemption.wire.participants import PARTICIPANTS
from services.card_redemption.wire.standing_events import STANDING_EVENTS
from services.runtime.ground.codec import Codec, Entry
from settlement.card_redemption.v1 import (
    calendar_pb2,
    card_pb2,
    card_service_pb2,
    channel_events_pb2,
    channel_pb2,
    commands_pb2,
    effects_pb2,
    events_pb2,
    redemption_events_pb2,
    redemption_pb2,
    redemption_service_pb2,
)

_COMMANDS = (
    Entry(commands.DepositCard, commands_pb2.DepositCard, from_wire=read.deposit_card),
    Entry(commands.ReturnDeposit, commands_pb2.ReturnDeposit, from_wire=read.return_deposit),
    Entry(commands.CaptureDeposit, commands_pb2.CaptureDeposit, from_wire=read.capture_deposit),
    Entry(commands.RefundCard, commands_pb2.RefundCard, from_wire=read.refund_card),
    Entry(commands.ReverseCardRefund, commands_pb2.ReverseCardRefund, from_wire=read.reverse_card_refund),
    Entry(commands.ClearMerchantShare, commands_pb2.ClearMerchantShare, from_wire=read.clear_merchant_share),
)
_RESULTS = (
    Entry(effects.CardEffect, effects_pb2.CardEffect, told.card_effect),
    Entry(GiftCard, card_pb2.Card, views.card),
    Entry(effects.CodeShown, card_service_pb2.CodeShown, told.code_shown),
)
_EVENTS = (
    Entry(events.CardIssued, events_pb2.CardIssued, facts.card_issued),
    Entry(events.CardDeposited, events_pb2.CardDeposited, facts.card_deposited),
    Entry(events.CardDepositReturned, events_pb2.CardDepositReturned, facts.card_deposit_returned),
    Entry(events.CardDepositCaptured, events_pb2.CardDepositCaptured, facts.card_deposit_captured),
    Entry(events.CardRefunded, events_pb2.CardRefunded, facts.card_refunded),
    Entry(events.CardRefundReversed, events_pb2.CardRefundReversed, facts.card_refund_reversed),
    *STANDING_EVENTS,
    Entry(events.MerchantShareCleared, events_pb2.MerchantShareCleared, facts.merchant_share_cleared),
)

_CHANNELS = (
    Entry(Channel, channel_pb2.Channel, channels.channel),
    Entry(ChannelVersion, channel_pb2.ChannelPolicyVersion, channels.channel_version),
    Entry(Calendar, calendar_pb2.Calendar, calendars.calendar),
    Entry(ChannelPolicyProposed, channel_events_pb2.ChannelPolicyProposed, channels.policy_proposed),
    Entry(ChannelPolicyApproved, channel_events_pb2.ChannelPolicyApproved, channels.policy_approved),
    Entry(CalendarProposed, channel_events_pb2.CalendarProposed, channels.calendar_proposed),
    Entry(CalendarApproved, channel_events_pb2.CalendarApproved, channels.calendar_approved),
)

_REDEMPTIONS = (
    Entry(RedemptionOrder, redemption_pb2.Redemption, redemptions.redemption),
    Entry(Prepared, redemption_service_pb2.PrepareRedemptionResponse, redemptions.prepared),
    Entry(Denied, redemption_service_pb2.SubmissionDenied, redemptions.denied),
    Entry(RedemptionStepped, redemption_events_pb2.RedemptionStepped, redemptions.stepped),
    Entry(FreezeCaseOpened, redemption_events_pb2.FreezeCaseOpened, redemptions.freeze_case_opened),
    *PARTICIPANTS,
    *ENTERPRISE,
)

CODEC = Codec(*_COMMANDS, *_RESULTS, *_EVENTS, *_CHANNELS, *_REDEMPTIONS, *DISPUTES)
"""The card service's wire."""
