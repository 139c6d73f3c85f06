/* SPDX-License-Identifier: MIT */
#include "packet.h"
