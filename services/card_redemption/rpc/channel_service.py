"""The gRPC methods of ChannelService."""

from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.rpc.documented import documented
from services.card_redemption.rpc.quoting import quoted_redemption
from services.card_redemption.store import channels as store
from services.card_redemption.wire import channels as wire
from services.card_redemption.wire.policies import policy_of_document
from services.kernel.errors import NotFound
from services.runtime.ground.paging import page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import channel_service_pb2 as pb
from settlement.card_redemption.v1 import channel_service_pb2_grpc as rpc


class ChannelServicer(rpc.ChannelServiceServicer):
    """Propose, approve and read the terms of recycling channels."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def ProposeChannelPolicy(
        self, request: pb.ProposeChannelPolicyRequest, context: Context
    ) -> pb.ProposeChannelPolicyResponse:
        """Let the terms of a document wait for a second person."""
        def read() -> tuple[str, object]:
            body = ProposeChannelPolicy(policy_of_document(request.document), request.operator_id)
            return body.terms.channel, body

        key, body = documented("PROPOSE_CHANNEL_POLICY", request.operator_id, read)
        channel = await self.edge.ask(context, request, key=key, body=body)
        return pb.ProposeChannelPolicyResponse(channel=channel)

    async def ApproveChannelPolicy(
        self, request: pb.ApproveChannelPolicyRequest, context: Context
    ) -> pb.ApproveChannelPolicyResponse:
        """Put the terms in force that wait."""
        body = ApproveChannelPolicy(request.channel, request.proposal, request.operator_id)
        version = await self.edge.ask(context, request, key=body.channel, body=body)
        return pb.ApproveChannelPolicyResponse(policy_version=version)

    async def QuoteRedemption(
        self, request: pb.QuoteRedemptionRequest, context: Context
    ) -> pb.QuoteRedemptionResponse:
        """Show what a card comes to, as a binding offer."""
        return pb.QuoteRedemptionResponse(quote=await quoted_redemption(self.edge, request))

    async def GetChannel(self, request: pb.GetChannelRequest, context: Context) -> pb.GetChannelResponse:
        """Show a channel and what is in force of it."""
        async with self.edge.read() as connection:
            found = await store.find_channel(connection, request.channel)
        if found is None:
            raise NotFound("CHANNEL_NOT_FOUND", f"there is no channel {request.channel}")
        channel, version = found
        in_force = None if version is None else wire.channel_version(version)
        return pb.GetChannelResponse(channel=wire.channel(channel), in_force=in_force)

    async def ListChannels(self, request: pb.ListChannelsRequest, context: Context) -> pb.ListChannelsResponse:
        """List channels by name."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            found = await store.list_channels(connection, *page.after, page.limit)
        channels, following = page.cut(found, lambda channel: (channel.name,), wire.channel)
        return pb.ListChannelsResponse(channels=channels, next_page_token=following)

    async def ListChannelVersions(
        self, request: pb.ListChannelVersionsRequest, context: Context
    ) -> pb.ListChannelVersionsResponse:
        """List the versions of a channel's terms."""
        page = page_of(request, (0,))
        async with self.edge.read() as connection:
            found = await store.list_channel_versions(connection, request.channel, *page.after, page.limit)
        versions, following = page.cut(found, lambda version: (version.terms.version,), wire.channel_version)
        return pb.ListChannelVersionsResponse(versions=versions, next_page_token=following)
