"""SQL of the card service: what lanes load and save, and what callers read."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, InForce
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.disputes.case import Dispute
from services.card_redemption.domain.enterprise.agreement import AgreedTerms, Agreement, AgreementYear
from services.card_redemption.domain.enterprise.batch import RevocationBatch
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.redeemer import Redeemer, RedeemerStanding
from services.card_redemption.domain.redemption.submitting import FreezeCase
from services.card_redemption.domain.working_days.year import Calendar, WorkingYear
from services.card_redemption.store import agreements, calendars, channels, disputes, redeemers, redemptions
from services.card_redemption.store.cards import load_cards, save_cards
from services.card_redemption.store.codes import load_codes, load_codes_of, save_codes
from services.card_redemption.store.merchant_shares import load_lenders, load_merchant_shares, save_merchant_shares
from services.card_redemption.store.tenders import load_tenders, save_tenders
from services.card_redemption.wire import CODEC
from services.runtime.ground.saving import Viewing
from services.runtime.ground.tables import Table
from services.runtime.stored.notices import notice_table

TABLES = (
    Table(GiftCard, load_cards, save_cards, root=True, tells=True),
    Table(
        MerchantShare, load_merchant_shares, save_merchant_shares, root=True, tells=True, load_family=load_lenders
    ),
    Table(Channel, channels.load_channels, channels.save_channels, root=True, tells=True),
    Table(Calendar, calendars.load_calendars, calendars.save_calendars, root=True, tells=True),
    Table(Agreement, agreements.load_agreements, agreements.save_agreements, root=True, tells=True),
    Table(Redeemer, redeemers.load_redeemers, redeemers.save_redeemers, root=True, told=True),
    Table(CardTender, load_tenders, save_tenders),
    Table(RedemptionOrder, redemptions.load_redemptions, redemptions.save_redemptions),
    Table(FreezeCase, redemptions.load_freeze_cases, redemptions.save_freeze_cases),
    Table(AgreementYear, agreements.load_years, agreements.save_years),
    Table(RevocationBatch, agreements.load_batches, agreements.save_batches),
    Table(AgreedTerms, agreements.load_agreed_terms, Viewing()),
    Table(RedeemerStanding, redeemers.load_standings, Viewing()),
    Table(Dispute, disputes.load_disputes, disputes.save_disputes, load_family=disputes.load_disputes_of),
    Table(ChannelVersion, channels.load_channel_versions, channels.save_channel_versions),
    Table(InForce, channels.load_in_force, Viewing()),
    Table(WorkingYear, calendars.load_working_years, Viewing()),
    notice_table(CODEC),
    Table(CardCode, load_codes, save_codes, load_family=load_codes_of),
)
"""What the lanes of this service handle. Roots come first: they are locked in the order of this list."""
