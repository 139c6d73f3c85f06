/* SPDX-License-Identifier: MIT */
/* libhark: who listens on a host, on which addresses each listener really answers, who holds it. */
#ifndef HARK_HARK_H
#define HARK_HARK_H

#include <hark/addr.h>
#include <hark/bind.h>
#include <hark/error.h>
#include <hark/explain.h>
#include <hark/exposure.h>
#include <hark/firewall.h>
#include <hark/glance.h>
#include <hark/model.h>
#include <hark/packet.h>
#include <hark/select.h>
#include <hark/snapshot.h>

#endif
