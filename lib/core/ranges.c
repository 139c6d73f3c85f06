/* SPDX-License-Identifier: MIT */
#include "ranges.h"
