"""A small Celery application: an order is reserved, charged and shipped.

Each task sends the next one. Every fifth order is refused at the counter and
is reported to the customer instead.
"""

import os

from celery import Celery
from kombu import Exchange, Queue

app = Celery("orders", broker=os.environ["RABBIT"])
work = Exchange("work", type="topic")
app.conf.update(
    task_queues=[Queue(name, work, routing_key=name) for name in ("reserve", "charge", "ship", "refuse")],
    task_routes={f"orders.{name}": {"queue": name, "routing_key": name} for name in ("reserve", "charge", "ship", "refuse")},
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task(name="orders.reserve")
def reserve(order, amount):
    charge.delay(order=order, amount=amount)


@app.task(name="orders.charge")
def charge(order, amount):
    if amount % 5 == 0:
        refuse.delay(order=order, reason="no funds")
    else:
        ship.delay(order=order, amount=amount)


@app.task(name="orders.ship")
def ship(order, amount):
    pass


@app.task(name="orders.refuse")
def refuse(order, reason):
    pass


if __name__ == "__main__":
    for n in range(1, 41):
        reserve.delay(order=f"order-{n:04d}", amount=n)
