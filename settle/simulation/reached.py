"""What a run has to meet, or it proves nothing: every rare thing has a name, and is counted."""

from collections import Counter
from collections.abc import Iterable, Mapping

THINGS: Mapping[str, str] = {
    "duplicate_call": "a call that was decided before came again, and got the stored answer",
    "request_id_reused": "a request id came with another body",
    "duplicate_command": "a command that was decided before came again, and its reply was sent again",
    "duplicate_reply": "a reply that was not awaited any more came to its saga",
    "duplicate_notice": "a notice that was decided before came again, and was acknowledged again",
    "cancel_before_try": "a CANCEL overtook its TRY and left a tombstone",
    "try_after_tombstone": "a TRY found its tombstone",
    "tried_twice_under_claim": "a TRY came again while its own claim stood",
    "claim_met": "a message met the claim of another settlement and waited for its end",
    "claim_ended_here": "a claim ended in the transaction that decided who waited for it",
    "claim_ended_elsewhere": "a claim that another process ended was found by looking",
    "saga_deadline": "a saga gave up, for its deadline came before the last answer",
    "late_try_answer": "the answer to a TRY came after its saga had given up",
    "saga_resent": "a saga asked again for an answer that did not come",
    "refused_by_one_of_two": "one participant refused, and the other had tried",
    "delegated_refusal": "a single participant refused, and its answer was the decision",
    "frozen_and_resumed": "a saga was frozen, and a person let it go on",
    "frozen_and_given_up": "a frozen saga was given up by a person",
    "parked": "a record could not be decided and was set aside",
    "parked_follower": "a record was set aside behind another one of its key",
    "parked_retried": "a person sent a parked record again",
    "parked_discarded": "a person gave a parked record up",
    "commit_unknown_made": "a commit whose answer was lost had been made",
    "commit_unknown_lost": "a commit whose answer was lost had not been made",
    "session_lost": "a lane lost its connection with messages under way",
    "crash_before_commit": "a process died between deciding and committing",
    "crash_after_commit": "a process died after the commit, before it published or answered",
    "zombie_rejected": "a process that stood still for too long could not commit any more",
    "collision": "two processes made the same row, or decided the same message, and one decided again",
    "lock_waited": "a transaction waited for the locks of another one",
    "partitions_moved": "a lane left partitions to another one",
    "read_again": "what waited for a claim was read again by who took the partition over",
    "swept": "what a dead lane left behind was published by another process",
    "sweep_beside_publisher": "an event was published by who told a later one, before the sweeper came to it",
    "published_twice": "a record was published whose first acknowledgement was lost",
    "record_vanished": "a record was acknowledged and is gone all the same",
    "record_delayed_a_day": "a record came a day late",
    "passed_over": "a command came so late that nobody could know whether it was decided",
    "log_truncated": "a partition lost its last records",
    "log_forgotten": "Kafka forgot everything",
    "read_from_the_beginning": "a partition was read from its beginning, for its log had lost what was known",
    "events_republished": "events that Kafka had lost were published again",
    "clock_jumped": "the clock of a database jumped",
    "clock_back": "the clock of a database went back",
    "timer_twice": "a timer was found due by two, or twice, and rang once",
    "notice_repeated": "a notice was sent again, for nobody had acknowledged it",
    "notice_waited": "a notice waited for an earlier one to the same order",
    "hold_expired": "a hold ran out",
    "cut_on_time": "a statement was cut by its timer",
    "cut_by_a_decision": "a decision cut the statement that was due before it",
    "cut_under_a_claim": "a statement fell due while a saga had claimed the account",
    "reversal_over_a_cut": "a refund was undone whose statement was cut meanwhile",
    "rail_silent": "the rail did not answer, and was asked",
    "rail_refused": "the rail refused a payment",
    "rail_bounced": "a payment of the rail bounced",
    "rail_contradicted": "the rail paid what it had refused, or what had ended otherwise",
    "rail_asked_before_sent": "the rail was asked about a payment that it never received",
    "leg_by_hand": "people settled a leg that waited for them",
    "leg_retried": "people had the rail asked again",
    "leg_recalled": "the refund of a leg was undone while it was on its way",
    "charged_back": "a card holder charged a payment back",
    "flash_confirmed": "the flash network confirmed a refund",
    "flash_expired": "the flash network did not confirm a refund in time",
    "placed_and_rejected": "an order was rejected, for a tender failed",
    "deposit_returned": "the bank payment of a rejected order went back",
    "cancel_beats_shipment": "a cancel and a shipment of the same order were asked for at once, and the cancel won",
    "shipment_beats_cancel": "the same, and the shipment won",
    "return_withdrawn": "a customer took a return back",
    "return_by_time": "a return was approved by time",
    "deduction_disputed": "a customer disputed a deduction",
    "merchant_settled": "a merchant's gift-card share was settled over both books",
    "merchant_clawed_back": "a merchant owed what it had been paid for a refunded gift card",
    "redemption_paid": "a recycled card was paid for",
    "draft_abandoned": "a draft was never confirmed, and that was noted when its time was over",
    "redeemer_refused": "a customer's own root refused a submission",
    "code_submitted_twice": "a code was submitted that another redemption had, and a freeze case opened",
    "cancelled_for_a_fee": "a cancellation was paid for, and counted where it is capped",
    "fee_became_a_debt": "the wallet did not hold the fee of a cancellation, and the customer owed it",
    "cancel_capped": "a day's cap refused a cancellation whose fee the ledger would have taken",
    "cancel_beats_verification": "a cancellation and the reading of the code came at one instant; it was cancelled",
    "verification_beats_cancel": "a cancellation came when the code was read already",
    "verification_too_late": "a provider's last word came to a redemption that did not await it any more",
    "review_said_no": "a reviewer refused a cancellation",
    "review_ran_out": "nobody decided a review within its time",
    "redemption_revoked": "a redemption was intercepted, or revoked with its batch",
    "code_let_go_of": "a provider let go of a code that it had read, and it was the customer's again",
    "code_kept": "a provider kept a code that it had read, and its redemption went on",
    "provider_silent": "a provider did not answer, whether it had read the code or not",
    "provider_late": "a provider worked on a code for minutes",
    "provider_contradicted": "a provider said two things under one key",
    "code_was_consumed": "a code had been spent before, and its customer was restricted",
    "face_was_another": "a provider found another face than was declared",
    "escrow_ran_out": "the condition of an escrow was not met in time",
    "escrow_released": "the condition of an escrow was met",
    "payout_waited": "a payout waited, for payouts were paused",
    "payout_tried_again": "the bank refused a payout, and another leg tried it",
    "payout_rerouted": "the bank refused a payout three times, and the wallet got it",
    "payout_delayed": "a redemption heard that its payout was not paid at once",
    "payout_stopped": "a payout was stopped before anything of it was under way",
    "payout_not_stopped": "a payout was to be stopped, and was sent or paid already",
    "debt_netted": "a payout paid what its customer owed",
    "face_topped_up": "a face was worth more, and the rest was paid",
    "face_clawed_back": "a face was worth less, and what was paid too much came back",
    "fault_reversed": "a redemption that never should have been was taken back",
    "claimed_from_customer": "a customer owed what had been paid",
    "redemption_frozen": "a fraud was reported, and a redemption stood still",
    "fraud_was_none": "a frozen redemption went on",
    "fraud_closed": "a fraud was confirmed, and its redemption closed",
    "voucher_spent": "a voucher was spent over both books",
    "recycler_kept_a_fee": "a recycler kept a fee",
    "recycler_remitted": "a recycler paid, over both books",
    "card_closed_into_wallet": "a card was closed, and its value went into the wallet",
    "decided_within": "what a service said to itself was decided in the transaction in which it was said",
    "two_phase": "a saga of two participants was confirmed by both",
    "two_phase_aborted": "a saga of two participants was cancelled at both",
    "dispute_denied": "a dispute was not taken, for its redemption, its time or its papers",
    "exception_let_in": "a supervisor let an appeal in as an exception",
    "exception_turned_away": "a supervisor made no exception",
    "own_case_refused": "whoever handled a dispute could not decide it",
    "decided_by_one_of_two": "two supervisors decided a dispute, and one was too late",
    "dispute_overdue": "the last day of a dispute passed",
    "dispute_escalated": "a rejection went on to 12315",
    "dispute_granted_in_part": "a part of what was claimed was granted",
    "dispute_revoked_it": "a dispute revoked a redemption",
    "dispute_consoled": "a dispute was granted a voucher",
    "dispute_corrected_the_face": "a dispute corrected a face",
    "dispute_reversed_the_fault": "a dispute took a redemption back that never should have been",
    "dispute_gave_back": "a dispute gave something back, over both books",
    "dispute_closed_the_fraud": "a dispute closed a redemption as a fraud",
    "dispute_stopped_it": "a redemption stood still for a dispute about its code",
    "dispute_left_it_stopped": "a code that was submitted twice was a fraud, and its redemption stayed stopped",
    "dispute_let_it_go": "a rejected dispute let its redemption go on",
    "remedy_tried_again": "what a dispute was granted could not be done at once",
    "restriction_lifted": "a restricted customer may redeem again",
    "refunds_stopped": "a refund or a cancellation was refused, for operators had stopped them",
    "refund_limited": "a refund was refused, for the day of its customer or merchant had had enough of them",
    "card_leg_held": "a bank-card refund waited, for its rail was stopped",
    "payout_leg_held": "a bank payout waited, for its rail was stopped",
    "asked_while_stopped": "a rail was asked about a payment while it was stopped",
    "switch_of_one_refused": "one person alone could not move a switch",
    "customer_gone": "a caller had gone when its answer came, and asked again",
}
"""By name, what happened."""

ONE_IN = 3_300
"""A rare thing is met by one world in so many settlements, or more often."""
RARER: Mapping[str, int] = {
    **dict.fromkeys(
        ("code_was_consumed", "escrow_released", "exception_let_in", "exception_turned_away",
         "dispute_corrected_the_face", "dispute_closed_the_fraud", "dispute_reversed_the_fault", "restriction_lifted",
         "payout_tried_again", "payout_delayed", "fraud_was_none", "code_let_go_of", "code_kept",
         "fraud_closed", "passed_over"),
        9_000,
    ),
    **dict.fromkeys(
        ("cancel_capped", "review_ran_out", "provider_contradicted", "rail_contradicted", "reversal_over_a_cut",
         "remedy_tried_again", "dispute_overdue"),
        20_000,
    ),
}
"""In how many settlements one world meets what is rarer still: bounds to be on the safe side of, of what two worlds at
most, or none, met in some 2,000 settlements."""
EXPECTED = 15
"""A thing is demanded of a run that it is to be expected of in so many worlds. Worlds do not know of each other, so
chance keeps it from all of them once in three million runs (e to the minus fifteenth)."""



class Reached:
    """Counters by name; a name that is not in `THINGS` is a mistake of the simulator."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, name: str, count: int = 1) -> None:
        """It happened."""
        if name not in THINGS:
            raise KeyError(name)
        self.counts[name] += count

    def take(self, other: Mapping[str, int]) -> None:
        """All that was reached elsewhere too."""
        self.counts.update(other)


def demanded(sagas: int) -> list[str]:
    """What a run of so many settlements has to have met."""
    return [name for name in THINGS if sagas >= EXPECTED * RARER.get(name, ONE_IN)]


def missing(counts: Mapping[str, int], needed: Iterable[str] = THINGS) -> list[str]:
    """What was not reached."""
    return [name for name in needed if not counts.get(name)]
