/* libevent, beside node/node.h: both have a `struct event`.
 *
 * libevent's becomes `struct loop_event` for our compiler; the binary interface has no tags.
 * Include this instead of event2/event.h. */
#ifndef SEALIFT_TRANSPORT_LOOP_H
#define SEALIFT_TRANSPORT_LOOP_H

#define event loop_event
#include <event2/event.h>
#include <event2/event_struct.h>
#undef event

#endif
