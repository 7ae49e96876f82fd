// Package kombu speaks Kombu's wire format and its virtual transport over Redis, so that a Go process can
// share queues, exchanges and acknowledgements with Python producers and workers (Kombu 5.3 to 5.7, Celery 5).
//
// # Keys
//
// All names can be changed by the broker transport options, and all are prefixed with global_keyprefix.
// SEP is the two bytes 0x06 0x16.
//
//	<queue>, <queue>SEP3 ...          list    messages of a priority step; LPUSH to send, the right end is served next
//	_kombu.binding.<exchange>         set     routing key SEP pattern SEP queue
//	_kombu.binding_permanent.<exch>   set     the same members, of queues that never expire
//	_kombu.binding_deadlines          zset    exchange -> deadline of its table, ms (queues with x-expires)
//	unacked                           hash    delivery tag -> JSON [message, exchange, routing key]
//	unacked_index                     zset    delivery tag -> time of delivery or of the last renewal, s
//	unacked_mutex                     string  redis-py's lock around the sweep
//	/<db>.<exchange>[/<routing key>]  pub/sub fanout exchanges
//
// Python peers know the keys above. The next ones are this package's own and invisible to them:
//
//	unacked.leases                    zset    consumer id -> time at which it counts as dead, s by the server's clock
//	unacked.held.<consumer id>        hash    delivery tag -> score SEP sequence SEP list that it was taken from
//	unacked.dead                      list    elements that are no messages, with the reason (see DeadLetter)
//
// # Guarantees
//
//   - A message is taken from its list and registered as unacked in one step on the server: a crash at any
//     moment leaves it in exactly one of the two places.
//   - No more messages are held than the prefetch limit, which the server checks as it serves.
//   - While a consumer holds a message its score is renewed, so neither a Go nor a Python peer restores it,
//     however long the work lasts.
//   - An acknowledgement removes a message only if the consumer still holds it, so a late one can't strip
//     the protection of a copy that a peer has meanwhile taken over.
//   - A consumer that dies is noticed by its lease; another Go consumer gives its messages back within 15 s,
//     in order, to the end that is served next of the list that they came from.
//   - Every read has a deadline. A consumer reconnects for ever, with a short backoff, takes up its messages
//     where it left off and acknowledges on the new connection.
//   - An element that is no message goes to the dead-letter list and never stops a consumer.
//
// # Limits
//
// Redis 6.2 or newer, or miniredis. Redis Cluster is not served (the scripts span keys), as in Kombu.
// Delivery is at least once: a message whose worker is cut off from the broker for longer than its lease is
// given to another one.
package kombu
