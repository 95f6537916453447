"""The gRPC methods of CalendarService."""

from services.card_redemption.domain.working_days.commands import ApproveCalendar, ProposeCalendar
from services.card_redemption.domain.working_days.year import year_key
from services.card_redemption.rpc.documented import documented
from services.card_redemption.store.calendars import find_calendar
from services.card_redemption.wire import calendars as wire
from services.kernel.errors import NotFound
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import calendar_service_pb2 as pb
from settlement.card_redemption.v1 import calendar_service_pb2_grpc as rpc


class CalendarServicer(rpc.CalendarServiceServicer):
    """Import, approve and read the working days of a year."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def ImportCalendar(self, request: pb.ImportCalendarRequest, context: Context) -> pb.ImportCalendarResponse:
        """Let the working days of a document wait for a second person."""
        def read() -> tuple[str, object]:
            body = ProposeCalendar(*wire.calendar_of_document(request.document), request.operator_id)
            return year_key(body.year), body

        key, body = documented("IMPORT_CALENDAR", request.operator_id, read)
        calendar = await self.edge.ask(context, request, key=key, body=body)
        return pb.ImportCalendarResponse(calendar=calendar)

    async def ApproveCalendar(self, request: pb.ApproveCalendarRequest, context: Context) -> pb.ApproveCalendarResponse:
        """Put the calendar in force that waits."""
        body = ApproveCalendar(request.year, request.proposal, request.operator_id)
        calendar = await self.edge.ask(context, request, key=year_key(body.year), body=body)
        return pb.ApproveCalendarResponse(calendar=calendar)

    async def GetCalendar(self, request: pb.GetCalendarRequest, context: Context) -> pb.GetCalendarResponse:
        """Show the working days of a year."""
        async with self.edge.read() as connection:
            found = await find_calendar(connection, request.year)
        if found is None:
            raise NotFound("CALENDAR_NOT_FOUND", f"there is no calendar of {request.year}")
        return pb.GetCalendarResponse(calendar=wire.calendar(found))
