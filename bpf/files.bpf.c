// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Who holds which socket, for kernels without bpf_loop() (before Linux 5.17): the kernel brings
 * each file, and takes and drops a reference to it.
 */
#include "common.h"

SEC("iter/task_file")
int files(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	__u32 before = memory.n_finds;

	if (!task || !context->file)
		return 0;
	begin();
	if (memory.last_group != task) {
		memory.last_group = task;
		memory.has_task = 0;
		take_walked(task);
		take_namespace(task);
	}
	visit_file(context->file, context->fd);
	if (memory.n_finds != before && !memory.has_task) {
		memory.has_task = 1;
		take_task(task, before);
	}
	return 0;
}
