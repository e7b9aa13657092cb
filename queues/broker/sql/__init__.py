"""Every statement of the engine's hot paths, named: ``sql.CLAIM``. State numbers are written out, since a
partial index serves a query only when its condition stands in it literally: 0 scheduled, 1 ready, 2 leased,
3 blocked. For the same reason "not empty" is written NOT (tag = ''), as the indexes have it: to SQLite <> is
another condition.

Locks are taken in one order everywhere: queue rows (by id), then account rows (``quotas``), then delivery
rows (by offset), then message rows; what cannot keep to it skips locked rows. A deadlock that slips through
is retried by the lane.
"""

from queues.broker.sql.bookkeeping import *  # noqa: F403
from queues.broker.sql.deliveries import *  # noqa: F403
from queues.broker.sql.messages import *  # noqa: F403
from queues.broker.sql.push_lanes import *  # noqa: F403
from queues.broker.sql.queues import *  # noqa: F403
from queues.broker.sql.views import *  # noqa: F403
