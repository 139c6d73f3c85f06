/* SPDX-License-Identifier: MIT */
/* Where the answer goes: a terminal, its width, its colours; or a file. */
#ifndef SCREEN_H
#define SCREEN_H

#include "options.h"
#include "render.h"

/* How to render to a descriptor, as the options and the environment want it. */
struct render_options screen_options(int fd, const struct options *options);

#endif
