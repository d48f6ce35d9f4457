"""The door to webhook endpoints and deliveries: each method is one transaction, safe to repeat."""

from collections.abc import Collection
from functools import partial
from uuid import uuid4

from workers.db.session import Database
from workers.jobs import deliveries, delivery_log, endpoints
from workers.jobs.deliveries import DeliveryClaim, DeliveryLease, Verdict
from workers.jobs.delivery_log import Delivery, DeliveryFilter
from workers.jobs.endpoints import Endpoint, NewEndpoint
from workers.jobs.outbox import new_delivery_id, new_secret
from workers.jobs.schedule import RetrySchedule
from workers.states import DeliveryState

ALL = DeliveryFilter()


class Webhooks:
    """Endpoints and deliveries in one database. A `tenant` of None is whoever looks after all of them."""

    def __init__(self, database: Database, schedule: RetrySchedule, lease_s: float) -> None:
        self.database = database
        self.schedule = schedule
        self.lease_s = lease_s

    def add(self, url: str, kinds: Collection[str] = (), tenant: str = "default") -> tuple[Endpoint, str]:
        """Make an endpoint for a URL that was checked, and the secret that signs what is sent there.

        Raises:
            InvalidOptions: there are no such kinds of events.
            EndpointExists: the tenant has one with this URL.
        """
        new = NewEndpoint(str(uuid4()), tenant, url, new_secret(), tuple(sorted(set(kinds))))
        return self.database.run(partial(endpoints.add, new=new)), new.secret

    def endpoint(self, endpoint_id: str, tenant: str | None = None) -> Endpoint:
        """The endpoint.

        Raises:
            EndpointNotFound: there is none, or it is another tenant's. So do all others that name an endpoint.
        """
        with self.database.read() as connection:
            return endpoints.find(connection, endpoint_id, tenant)

    def endpoints(self, tenant: str | None = None) -> list[Endpoint]:
        """All endpoints, oldest first."""
        with self.database.read() as connection:
            return endpoints.listed(connection, tenant)

    def callback_secret(self, tenant: str = "default") -> str:
        """The secret that signs what goes to callback URLs of this tenant's jobs; made when it is first asked for."""
        return self.database.run(partial(endpoints.callback_secret, tenant=tenant))

    def rotate(
        self, endpoint_id: str, tenant: str | None = None, *, overlap_s: float = 24 * 3600.0
    ) -> tuple[Endpoint, str]:
        """Give an endpoint a new secret; the old one signs as well for `overlap_s`, while receivers change over."""
        found, made = self.endpoint(endpoint_id, tenant), new_secret()
        rotated = self.database.run(partial(endpoints.rotate, endpoint=found, made=made, overlap_s=overlap_s))
        return rotated, made

    def switch(self, endpoint_id: str, tenant: str | None = None, *, on: bool) -> Endpoint:
        """Send to an endpoint again, or no longer."""
        return self.database.run(partial(endpoints.switch, endpoint=self.endpoint(endpoint_id, tenant), on=on))

    def remove(self, endpoint_id: str, tenant: str | None = None) -> None:
        """Remove an endpoint and the log of its deliveries."""
        self.database.run(partial(endpoints.remove, endpoint=self.endpoint(endpoint_id, tenant)))

    def fire_test(self, endpoint_id: str, tenant: str | None = None) -> Delivery:
        """Send an event that says nothing to an endpoint; the delivery."""
        found, delivery_id = self.endpoint(endpoint_id, tenant), new_delivery_id()
        self.database.run(partial(endpoints.fire_test, endpoint=found, delivery_id=delivery_id))
        return self.delivery(delivery_id)

    def delivery(self, delivery_id: str, tenant: str | None = None) -> Delivery:
        """The delivery, with every attempt at it.

        Raises:
            DeliveryNotFound: there is none, or it is another tenant's.
        """
        with self.database.read() as connection:
            return delivery_log.find(connection, delivery_id, tenant)

    def deliveries(self, chosen: DeliveryFilter = ALL) -> list[Delivery]:
        """The newest deliveries first."""
        with self.database.read() as connection:
            return delivery_log.listed(connection, chosen)

    def replay(self, delivery_id: str, tenant: str | None = None) -> Delivery:
        """Send a delivery that has ended once more.

        Raises:
            DeliveryNotFound: there is none, or it is another tenant's.
            NotAllowedInState: it is under way.
        """
        return self.database.run(partial(delivery_log.replay, delivery_id=delivery_id, tenant=tenant))

    def claim(self, delivery_id: str, worker: str) -> DeliveryLease | None:
        """Take a ready delivery, at best this one; None when there is none."""
        wanted = DeliveryClaim(delivery_id, worker, str(uuid4()), self.lease_s)
        return self.database.run(partial(deliveries.claim, wanted=wanted))

    def finish(self, lease: DeliveryLease, verdict: Verdict) -> DeliveryState:
        """End an attempt; what has become of the delivery.

        Raises:
            Fenced: the delivery was taken away; nothing was written.
        """
        return self.database.run(partial(deliveries.finish, lease=lease, verdict=verdict, schedule=self.schedule))

    def holders(self) -> set[str]:
        """The workers that hold a delivery."""
        with self.database.read() as connection:
            return deliveries.holders(connection)

    def reap(self, gone_workers: Collection[str] = ()) -> int:
        """Take back every lost delivery, without waiting for the lease of `gone_workers`; how many."""
        act = partial(deliveries.take_back, gone_workers=gone_workers, schedule=self.schedule)
        return self.database.run(act)

    def unannounced(self, after_s: float, *, is_idle: bool) -> list[str]:
        """Deliveries that a worker should be told of."""
        with self.database.read() as connection:
            return deliveries.unannounced(connection, after_s, is_idle=is_idle)

    def mark_announced(self, delivery_id: str) -> None:
        """Remember that a delivery was announced just now."""
        self.database.run(partial(deliveries.mark_announced, delivery_id=delivery_id))
