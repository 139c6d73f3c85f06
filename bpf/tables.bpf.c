// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Who holds which socket: every descriptor of every table is looked at. */
#include "walk.h"

static long visit_slot(__u64 i, void *data)
{
	visit_file(memory.slots[i & (BITS_OF_A_WORD - 1)], memory.walk.base + i);
	return 0;
}

SEC("iter/task")
int tables(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;

	if (!task)
		return 0;
	if (begin())
		take_namespaces();
	walk_task(task);
	return 0;
}
