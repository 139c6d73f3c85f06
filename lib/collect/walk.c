/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "process.h"
#include "rows.h"
#include "text.h"
#include "thread.h"

#if HAVE_BPF
#include "connections.bpf.h"
#include "files.bpf.h"
#include "marks.bpf.h"
#include "tables.bpf.h"

static const struct program_image *const images[] = {
	[WALK_MARKS] = &marks_image,
	[WALK_TABLES] = &tables_image,
	[WALK_FILES] = &files_image,
	[WALK_CONNECTIONS] = &connections_image,
};
#else
static const struct program_image *const images[WALK_PROGRAM_N_];
#endif

/* Room at first; what is lost for want of room is fetched by another run. */
#define FINDS_OF_MARKS    65536
#define CONNECTIONS       8192
#define CONNECTIONS_MAX   (1u << 18) /* 12 MB; to dump the namespaces is better than more */
#define FINDS_AT_LEAST    4096
#define SOCKETS_ELSEWHERE 32768 /* in other network namespaces, and held more than once */
#define FINDS_AT_MOST     (1u << 21)
#define TASKS_AT_LEAST    1024
#define TASKS_AT_MOST     (1u << 16)
#define RUNS_MAX          3

static const char *const program_names[] = {
	[WALK_MARKS] = "marks",
	[WALK_TABLES] = "tables",
	[WALK_FILES] = "files",
	[WALK_CONNECTIONS] = "connections",
};

/* What a program was tried for. */
struct walk_attempt {
	enum walk_program program;
	int error;
	struct program_failure failure;
};

struct walk {
	struct hark_source *source;
	struct walk_question question;
	struct program program;
	struct program_size sizes[PROGRAM_MAP_N_];
	struct walk_attempt attempts[WALK_PROGRAM_N_];
	uint32_t n_attempts;
	const struct bpf_filter *wanted;
	bool is_loaded;
	bool has_begun; /* or has been done */
	bool is_on_thread;
	pthread_t thread;
	int error;
};

bool walk_is_possible(const struct hark_source *source)
{
	return source->ops->bpf && images[0];
}

/* The number behind that word at the beginning of a file below /proc; 0: it is not told. */
static uint64_t read_count(const struct walk *walk, const char *path, const char *word)
{
	char text[64];
	const char *at = text + strlen(word);
	uint64_t n = 0;

	if (source_read_file(walk->source->proc_fd, path, text, sizeof(text)) > 0 &&
	    !strncmp(text, word, strlen(word)))
		(void)text_take_u64(&at, 10, FINDS_AT_MOST, &n);
	return n;
}

/*
 * The descriptors of a host are about as many as its open files, those of sockets as its sockets:
 * /proc knows how many this network namespace has. All of a map is made, and counts as ours.
 */
static uint64_t expect_finds(const struct walk *walk)
{
	uint64_t n_files = read_count(walk, "sys/fs/file-nr", "");
	uint64_t n_sockets = read_count(walk, "net/sockstat", "sockets: used ");
	uint64_t n = n_files;

	if (n_sockets && walk->question.example < 0 && !walk->question.wants_namespaces &&
	    n_files > n_sockets + SOCKETS_ELSEWHERE)
		n = n_sockets + SOCKETS_ELSEWHERE;
	return n + n / 4 + FINDS_AT_LEAST;
}

static void choose_sizes(struct walk *walk, enum walk_program program)
{
	struct sysinfo info;
	uint64_t n, n_tasks = sysinfo(&info) < 0 ? 0 : info.procs;

	walk->sizes[PROGRAM_MEMORY] = (struct program_size){ sizeof(struct bpf_memory), 1 };
	if (program == WALK_CONNECTIONS) {
		walk->sizes[PROGRAM_FINDS] =
			(struct program_size){ sizeof(struct bpf_connection), CONNECTIONS };
		walk->sizes[PROGRAM_TASKS] = (struct program_size){ sizeof(struct bpf_task), 1 };
		return;
	}
	n = expect_finds(walk);
	if (program == WALK_MARKS && n > FINDS_OF_MARKS)
		n = FINDS_OF_MARKS;
	walk->sizes[PROGRAM_FINDS] =
		(struct program_size){ sizeof(struct bpf_find),
				       n > FINDS_AT_MOST ? FINDS_AT_MOST : (uint32_t)n };
	n_tasks += TASKS_AT_LEAST;
	walk->sizes[PROGRAM_TASKS] = (struct program_size){
		sizeof(struct bpf_task), n_tasks > TASKS_AT_MOST ? TASKS_AT_MOST : (uint32_t)n_tasks
	};
}

static void open_guides(const struct walk *walk, struct bpf_memory *memory)
{
	static const struct {
		int family, type, protocol;
	} guides[BPF_GUIDE_N_] = {
		[BPF_GUIDE_TCP] = { AF_INET, SOCK_STREAM, IPPROTO_TCP },
		[BPF_GUIDE_UDP] = { AF_INET, SOCK_DGRAM, IPPROTO_UDP },
	};

	/* In none of the tables that may be read meanwhile. */
	memory->example = walk->question.example >= 0 ?
				  walk->question.example :
				  socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	for (int i = 0; i < BPF_GUIDE_N_; i++)
		memory->guides[i] =
			socket(guides[i].family, guides[i].type | SOCK_CLOEXEC, guides[i].protocol);
}

static void close_guides(const struct walk *walk, struct bpf_memory *memory)
{
	for (int i = 0; i < BPF_GUIDE_N_; i++)
		if (memory->guides[i] >= 0)
			close(memory->guides[i]);
	if (memory->example >= 0 && walk->question.example < 0)
		close(memory->example);
}

static int load(struct walk *walk, struct walk_attempt *attempt)
{
	uint32_t options = (walk->question.wants_namespaces ? PROGRAM_NAMESPACES : 0) |
			   (process_is_inner(walk->source->proc_fd) ? PROGRAM_NESTED : 0);
	int r = images[attempt->program] ?
			program_load(&walk->program, walk->source, images[attempt->program],
				     options, walk->sizes, &attempt->failure) :
			-ENOSYS;

	walk->is_loaded = r == 0;
	return r;
}

static void unload(struct walk *walk)
{
	if (walk->is_loaded)
		program_unload(&walk->program);
	walk->is_loaded = false;
}

static int run(struct walk *walk, struct walk_attempt *attempt)
{
	const uint32_t *n_wanted = &walk->sizes[PROGRAM_FINDS].n_values;
	uint32_t most = attempt->program == WALK_CONNECTIONS ? CONNECTIONS_MAX : UINT32_MAX;
	bool fits = false;
	int r = 0;

	for (int i = 0; i < RUNS_MAX && r == 0 && !fits && *n_wanted <= most; i++) {
		struct bpf_memory *memory;

		if (!walk->is_loaded)
			r = load(walk, attempt);
		if (r < 0)
			return r;
		memory = walk->program.maps[PROGRAM_MEMORY];
		attempt->failure.step = "running the program";
		open_guides(walk, memory);
		if (walk->wanted)
			memory->wanted = *walk->wanted;
		else
			memset(&memory->wanted, 0xff, sizeof(memory->wanted));
		r = program_run(&walk->program);
		close_guides(walk, memory);
		fits = memory->n_finds <= walk->sizes[PROGRAM_FINDS].n_values &&
		       memory->n_tasks <= walk->sizes[PROGRAM_TASKS].n_values;
		walk->sizes[PROGRAM_FINDS].n_values = memory->n_finds + memory->n_finds / 4 + 64;
		walk->sizes[PROGRAM_TASKS].n_values = memory->n_tasks + memory->n_tasks / 4 + 64;
		if (r < 0 || !fits)
			unload(walk);
	}
	return r < 0 ? r : fits ? 0 : -E2BIG;
}

/* The first of the programs that works. */
static void *work(void *data)
{
	struct walk *walk = data;

	for (enum walk_program i = walk->question.first; i < WALK_PROGRAM_N_; i++) {
		struct walk_attempt *attempt = &walk->attempts[walk->n_attempts++];

		*attempt = (struct walk_attempt){ .program = i, .failure = { .step = "loading" } };
		choose_sizes(walk, i);
		walk->error = load(walk, attempt);
		if (walk->error == 0)
			walk->error = run(walk, attempt);
		attempt->error = walk->error;
		/* What is not permitted, or not built in, is so for all of them. */
		if (walk->error == 0 || walk->error == -EPERM || walk->error == -ENOSYS ||
		    walk->question.is_only || i >= WALK_FILES)
			break;
	}
	return NULL;
}

struct walk *walk_begin(struct hark_source *source, const struct walk_question *question,
			bool on_thread)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return NULL;
	walk->source = source;
	walk->question = *question;
	walk->is_on_thread = on_thread && thread_start(&walk->thread, work, walk) == 0;
	walk->has_begun = walk->is_on_thread;
	return walk;
}

static void join(struct walk *walk)
{
	if (walk->is_on_thread)
		pthread_join(walk->thread, NULL);
	walk->is_on_thread = false;
}

int walk_wait(struct walk *walk, const struct bpf_filter *wanted)
{
	join(walk);
	if (!walk->has_begun) {
		walk->has_begun = true;
		walk->wanted = wanted;
		work(walk);
		walk->wanted = NULL;
	}
	return walk->error;
}

enum walk_program walk_ran(const struct walk *walk)
{
	return walk->attempts[walk->n_attempts - 1].program;
}

const struct bpf_memory *walk_memory(const struct walk *walk)
{
	return walk->program.maps[PROGRAM_MEMORY];
}

bool walk_task(const struct walk *walk, uint32_t i, const struct bpf_task **ret,
	       const struct bpf_find **ret_finds, uint32_t *ret_n)
{
	const struct bpf_memory *memory = walk->program.maps[PROGRAM_MEMORY];
	const struct bpf_find *finds = walk->program.maps[PROGRAM_FINDS];
	const struct bpf_task *tasks = walk->program.maps[PROGRAM_TASKS];
	uint32_t begin = i ? tasks[i - 1].first_find : 0, end;

	if (i > memory->n_tasks)
		return false;
	end = i < memory->n_tasks ? tasks[i].first_find : memory->n_finds;
	*ret = i ? &tasks[i - 1] : NULL;
	*ret_finds = finds + begin;
	*ret_n = end - begin;
	return begin <= end && end <= memory->n_finds;
}

struct bpf_connection *walk_connections(const struct walk *walk, uint32_t *ret_n)
{
	*ret_n = walk_memory(walk)->n_finds;
	return walk->program.maps[PROGRAM_FINDS];
}

int walk_tell(const struct walk *walk, struct hark_snapshot *snapshot, enum hark_note_what what,
	      const char *subject)
{
	struct arena *arena = &snapshot->arena;
	const char *reasons = "", *detail;
	uint32_t i;

	for (i = 0; i < walk->n_attempts && walk->attempts[i].error; i++) {
		const struct walk_attempt *attempt = &walk->attempts[i];
		const struct program_failure *failure = &attempt->failure;

		reasons = arena_printf(
			arena, "%s%s%s: %s%s%s: %s", reasons, i ? "; " : "",
			program_names[attempt->program], failure->step, failure->what ? ", " : "",
			failure->what ? failure->what : "",
			attempt->error == -ENOSYS ? "there is no BPF" : strerror(-attempt->error));
		if (!reasons)
			return -ENOMEM;
	}
	if (walk->error == 0)
		detail = arena_printf(arena, "%s by BPF (%s)%s%s", subject,
				      program_names[walk->attempts[i].program],
				      *reasons ? ": not " : "", reasons);
	else
		detail = arena_printf(arena, "no %s by BPF: %s", subject, reasons);
	if (!detail)
		return -ENOMEM;
	return snapshot_note_debug(snapshot, what,
				   walk->error ? HARK_NOTE_FALLBACK : HARK_NOTE_METHOD, walk->error,
				   detail);
}

void walk_free(struct walk *walk)
{
	if (!walk)
		return;
	join(walk);
	unload(walk);
	free(walk);
}
