/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_profile.h"

#include <linux/capability.h>
#include <stddef.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

static const char *const files[] = { "access", "chdir", "chmod", "chown", "chown32", "close",
	"close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2",
	"fadvise64", "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2",
	"fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr",
	"file_getattr", "file_setattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
	"fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64",
	"futimesat", "getcwd", "getdents", "getdents64", "getxattr", "getxattrat", "ioctl",
	"lchown", "lchown32", "lgetxattr", "link", "linkat", "listxattr", "listxattrat",
	"llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "mkdir",
	"mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat", "open", "openat",
	"openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev",
	"pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr",
	"removexattrat", "rename", "renameat", "renameat2", "rmdir", "sendfile", "sendfile64",
	"setxattr", "setxattrat", "splice", "stat", "stat64", "statfs", "statfs64", "statx",
	"symlink", "symlinkat", "sync", "sync_file_range", "sync_file_range2",
	"arm_sync_file_range", "syncfs", "tee", "truncate", "truncate64", "umask", "unlink",
	"unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "write", "writev", NULL };

static const char *const memory[] = { "brk", "cachestat", "get_mempolicy", "madvise",
	"map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mlock",
	"mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock",
	"munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages",
	NULL };

static const char *const waiting[] = { "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd",
	"eventfd2", "fanotify_mark", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
	"io_pgetevents_time64", "io_setup", "io_submit", "_newselect", "pause", "poll", "ppoll",
	"ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64", NULL };

static const char *const processes[] = { "capget", "capset", "execve", "execveat", "exit",
	"exit_group", "fork", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
	"getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage", "getsid",
	"gettid", "getuid", "getuid32", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lsm_get_self_attr",
	"lsm_list_modules", "lsm_set_self_attr", "pidfd_open", "pidfd_send_signal", "prctl",
	"prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace",
	"seccomp", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
	"setgroups", "setgroups32", "setpgid", "setpriority", "setregid", "setregid32", "setresgid",
	"setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid",
	"setuid", "setuid32", "tgkill", "tkill", "ugetrlimit", "vfork", "wait4", "waitid",
	"waitpid", NULL };

static const char *const threads[] = { "futex", "futex_requeue", "futex_time64", "futex_wait",
	"futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu",
	"restart_syscall", "riscv_flush_icache", "riscv_hwprobe", "rseq", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
	"set_robust_list", "set_thread_area", "set_tid_address", "arch_prctl", "modify_ldt",
	"breakpoint", "cacheflush", "set_tls", NULL };

static const char *const signals[] = { "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaction", "sigaltstack", "signal",
	"sigpending", "sigprocmask", "sigreturn", "sigsuspend", "uretprobe", NULL };

/* Setting a clock needs CAP_SYS_TIME in the kernel; adjtimex() is also how one is read. */
static const char *const times[] = { "adjtimex", "alarm", "clock_adjtime", "clock_adjtime64",
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
	"setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_gettime64", "timer_settime", "timer_settime64", "times", NULL };

/* socket() is narrowed further by seccomp_compile.c. */
static const char *const sockets[] = { "accept", "accept4", "bind", "connect", "getpeername",
	"getsockname", "getsockopt", "listen", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64",
	"recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socket",
	"socketcall", "socketpair", NULL };

static const char *const ipc[] = { "ipc", "mq_getsetattr", "mq_notify", "mq_open",
	"mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
	"mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop",
	"semtimedop", "semtimedop_time64", "shmat", "shmctl", "shmdt", "shmget", NULL };

static const char *const information[] = { "getrandom", "listmount", "statmount", "sysinfo",
	"uname", NULL };

static const char *const administration[] = { "clone", "fanotify_init", "fsconfig", "fsmount",
	"fsopen", "fspick", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree",
	"open_tree_attr", "pivot_root", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
	"setns", "umount", "umount2", "unshare", NULL };
static const char *const clone_anew[] = { "clone3", NULL };
static const char *const bpf[] = { "bpf", NULL };
static const char *const perf[] = { "perf_event_open", NULL };
static const char *const kernel_log[] = { "syslog", NULL };
static const char *const handles[] = { "open_by_handle_at", NULL };
static const char *const boot[] = { "reboot", NULL };
static const char *const roots[] = { "chroot", NULL };
static const char *const modules[] = { "delete_module", "finit_module", "init_module", NULL };
static const char *const accounting[] = { "acct", NULL };
static const char *const tracing[] = { "kcmp", "pidfd_getfd", "process_madvise", NULL };
static const char *const raw_io[] = { "ioperm", "iopl", NULL };
static const char *const clock_setting[] = { "clock_settime", "clock_settime64", "settimeofday",
	"stime", NULL };
static const char *const terminals[] = { "vhangup", NULL };
static const char *const memory_policy[] = { "mbind", "set_mempolicy", "set_mempolicy_home_node",
	NULL };

const struct seccomp_group seccomp_groups[] = {
	{ 0, files },
	{ 0, memory },
	{ 0, waiting },
	{ 0, processes },
	{ 0, threads },
	{ 0, signals },
	{ 0, times },
	{ 0, sockets },
	{ 0, ipc },
	{ 0, information },
	{ CAP(SYS_ADMIN), administration },
	{ CAP(SYS_ADMIN), clone_anew },
	{ CAP(SYS_ADMIN) | CAP(BPF), bpf },
	{ CAP(SYS_ADMIN) | CAP(PERFMON), perf },
	{ CAP(SYS_ADMIN) | CAP(SYSLOG), kernel_log },
	{ CAP(DAC_READ_SEARCH), handles },
	{ CAP(SYS_BOOT), boot },
	{ CAP(SYS_CHROOT), roots },
	{ CAP(SYS_MODULE), modules },
	{ CAP(SYS_PACCT), accounting },
	{ CAP(SYS_PTRACE), tracing },
	{ CAP(SYS_RAWIO), raw_io },
	{ CAP(SYS_TIME), clock_setting },
	{ CAP(SYS_TTY_CONFIG), terminals },
	{ CAP(SYS_NICE), memory_policy },
	{ 0, NULL },
};

/*
 * io_uring passes by filters of single calls, keys have no namespace, userfaultfd makes kernel
 * races easy to win, vmsplice is what page-cache attacks are made of, and the rest is for the
 * machine's administrator or long gone.
 */
const char *const seccomp_denied[] = { "add_key", "bdflush", "create_module", "get_kernel_syms",
	"io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load", "kexec_load",
	"keyctl", "migrate_pages", "move_pages", "nfsservctl", "query_module", "request_key",
	"swapoff", "swapon", "_sysctl", "sysfs", "uselib", "userfaultfd", "ustat", "vm86",
	"vm86old", "vmsplice", NULL };

/* Linux, its 32-bit view, both with ADDR_NO_RANDOMIZE's sibling UNAME26, and "only ask". */
const uint32_t seccomp_personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };
const unsigned int seccomp_personality_count =
	sizeof(seccomp_personalities) / sizeof(*seccomp_personalities);

const struct seccomp_number seccomp_new_numbers[] = {
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
	{ "statmount", 457 },
	{ "listmount", 458 },
	{ "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },
	{ "mseal", 462 },
	{ "setxattrat", 463 },
	{ "getxattrat", 464 },
	{ "listxattrat", 465 },
	{ "removexattrat", 466 },
	{ "open_tree_attr", 467 },
	{ "file_getattr", 468 },
	{ "file_setattr", 469 },
	{ NULL, 0 },
};

const struct seccomp_number seccomp_i386_numbers[] = {
	{ "socket", 359 },
	{ "socketpair", 360 },
	{ "bind", 361 },
	{ "connect", 362 },
	{ "listen", 363 },
	{ "accept4", 364 },
	{ "getsockopt", 365 },
	{ "setsockopt", 366 },
	{ "getsockname", 367 },
	{ "getpeername", 368 },
	{ "sendto", 369 },
	{ "sendmsg", 370 },
	{ "recvfrom", 371 },
	{ "recvmsg", 372 },
	{ "shutdown", 373 },
	{ "semget", 393 },
	{ "semctl", 394 },
	{ "shmget", 395 },
	{ "shmctl", 396 },
	{ "shmat", 397 },
	{ "shmdt", 398 },
	{ "msgget", 399 },
	{ "msgsnd", 400 },
	{ "msgrcv", 401 },
	{ "msgctl", 402 },
	{ NULL, 0 },
};
