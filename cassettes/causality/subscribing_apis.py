"""The APIs in which a client subscribes, and their refusals of calls from others.

The texts are those of src/master/http.cpp and src/resource_provider/manager.cpp.
"""

from msgspec import Struct

from ...proto.api.apis import RESOURCE_PROVIDER, SCHEDULER, Api
from ...proto.api.refusals import MesosRefusal


class SubscribingApi(Struct, frozen=True):
    """An API with subscriptions: where its subscriber ids are, and how it refuses calls.

    `id_in_call`, `id_in_subscribe` and `id_in_event` are paths in a call, in a SUBSCRIBE and in the
    first record of a stream.
    `subscriber_noun` precedes the id in the refusal of another stream id.
    """

    api: Api
    id_in_call: str
    id_in_subscribe: str
    id_in_event: str
    not_found: MesosRefusal
    not_subscribed: MesosRefusal
    no_stream_id: MesosRefusal
    subscriber_noun: str


SUBSCRIBING_SCHEDULER = SubscribingApi(
    SCHEDULER,
    id_in_call="framework_id.value",
    id_in_subscribe="subscribe.framework_info.id.value",
    id_in_event="subscribed.framework_id.value",
    not_found=MesosRefusal(400, b"Framework cannot be found"),
    not_subscribed=MesosRefusal(403, b"Framework is not subscribed"),
    no_stream_id=MesosRefusal(
        400, b"All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    ),
    subscriber_noun="framework ID ",
)
SUBSCRIBING_RESOURCE_PROVIDER = SubscribingApi(
    RESOURCE_PROVIDER,
    id_in_call="resource_provider_id.value",
    id_in_subscribe="subscribe.resource_provider_info.id.value",
    id_in_event="subscribed.provider_id.value",
    not_found=MesosRefusal(400, b"Resource provider is not subscribed"),
    not_subscribed=MesosRefusal(400, b"Resource provider is not subscribed"),
    no_stream_id=MesosRefusal(
        400, b"All non-subscribe calls should include to 'Mesos-Stream-Id' header"
    ),
    subscriber_noun=" resource provider ID ",
)
SUBSCRIBING_APIS = {
    each.api.name: each for each in (SUBSCRIBING_SCHEDULER, SUBSCRIBING_RESOURCE_PROVIDER)
}
