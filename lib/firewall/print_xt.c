/* SPDX-License-Identifier: MIT */
#include "firewall.h"
