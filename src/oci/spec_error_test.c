/* SPDX-License-Identifier: Apache-2.0 */
/* A wrong config.json is refused with the path of what is wrong: a row for every member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "oci/spec.h"

struct row {
	const char *members; /* what is put at the place of %s; ' stands for " */
	const char *error; /* how the error begins, after "config.json: " */
};

static char *document(const char *around, const char *members)
{
	char *text = xasprintf(
		"%.*s%s%s", (int)strcspn(around, "@"), around, members, strchr(around, '@') + 1);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text;
}

static void expect(const char *around, const struct row *row)
{
	cleanup_free char *text = document(around, row->members);
	cleanup_error struct error *err = NULL;
	cleanup_spec struct spec spec;
	const char *message, *prefix = "config.json: ";

	spec_init(&spec);
	if (spec_parse(text, strlen(text), &spec, &err) == 0)
		fail_msg("accepted: %s", text);
	message = error_message(err);
	if (strncmp(message, prefix, strlen(prefix)) != 0 ||
		strncmp(message + strlen(prefix), row->error, strlen(row->error)) != 0)
		fail_msg("%s\n  says: %s\n  not:  %s", text, message, row->error);
	/* The result is as it was, or all of it. */
	assert_null(spec.version);
}

static void expect_all(const char *around, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(around, &rows[i]);
}
#define EXPECT_ALL(around, rows) expect_all(around, rows, sizeof(rows) / sizeof(*(rows)))

static const struct row top[] = {
	{ "'ociVersion':1", "ociVersion: is not a string" },
	{ "'x':1", "ociVersion: is missing" },
	{ "'ociVersion':'2.0.0'", "ociVersion: \"2.0.0\" is not 1.x" },
};

static const struct row plain[] = {
	{ "'hostname':1", "hostname: is not a string" },
	{ "'hostname':'a\\u0000b'", "hostname: contains a NUL byte" },
	{ "'hostname':'h'", "hostname: needs an own uts namespace" },
	{ "'domainname':'a','linux':{'namespaces':[{'type':'uts'}],'sysctl':{'kernel.domainname':"
	  "'b'}}",
		"linux.sysctl[\"kernel.domainname\"]: contradicts 'domainname'" },
	{ "'domainname':[]", "domainname: is not a string" },
	{ "'domainname':'d'", "domainname: needs an own uts namespace" },
	{ "'root':[]", "root: is not an object" },
	{ "'root':{}", "root.path: is missing" },
	{ "'root':{'path':''}", "root.path: is empty" },
	{ "'root':{'path':7}", "root.path: is not a string" },
	{ "'root':{'path':'r','readonly':'yes'}", "root.readonly: is not true or false" },
	{ "'annotations':[]", "annotations: is not an object" },
	{ "'annotations':{'a':{}}", "annotations[\"a\"]: is not a string" },
	{ "'annotations':{'':'b'}", "annotations[\"\"]: is empty" },
	{ "'annotations':{'a':null}", "annotations[\"a\"]: is not a string" },
	{ "'process':[]", "process: is not an object" },
	{ "'mounts':{}", "mounts: is not an array" },
	{ "'linux':1", "linux: is not an object" },
	{ "'hooks':[]", "hooks: is not an object" },
	{ "'vessel':1", "vessel: is not an object" },
	{ "'vessel':{'init':1}", "vessel.init: is not a string" },
	{ "'vessel':{'seccomp':1}", "vessel.seccomp: is not a string" },
	{ "'vessel':{'overlay':1}", "vessel.overlay: is not an object" },
	{ "'vessel':{'overlay':{'lower':'l'}}", "vessel.overlay.lower: is not an array" },
	{ "'vessel':{'overlay':{'lower':[],'upper':1}}", "vessel.overlay.upper: is not a string" },
	{ "'vessel':{'overlay':{'lower':[],'upper':'/u'}}", "vessel.overlay.work: is missing" },
	{ "'vessel':{'overlay':{'lower':[],'work':'/w'}}", "vessel.overlay.upper: is missing" },
};

static const struct row process_alone[] = {
	{ "'cwd':'/'", "process.args: is missing" },
	{ "'cwd':'/','args':[]", "process.args: is empty" },
	{ "'cwd':'/','args':'sh'", "process.args: is not an array" },
	{ "'cwd':'/','args':['sh',1]", "process.args[1]: is not a string" },
	{ "'cwd':'/','args':['sh','\\u0000']", "process.args[1]: is not a string" },
	{ "'args':['sh']", "process.cwd: is missing" },
	{ "'args':['sh'],'cwd':1", "process.cwd: is not a string" },
	{ "'args':['sh'],'cwd':'.'", "process.cwd: '.' is not an absolute path" },
	{ "'args':['sh'],'cwd':''", "process.cwd: '' is not an absolute path" },
};

static const struct row process[] = {
	{ "'terminal':1", "process.terminal: is not true or false" },
	{ "'env':{}", "process.env: is not an array" },
	{ "'env':['A=b',null]", "process.env[1]: is not a string" },
	{ "'consoleSize':[]", "process.consoleSize: is not an object" },
	{ "'consoleSize':{'width':1}", "process.consoleSize.height: is missing" },
	{ "'consoleSize':{'height':1}", "process.consoleSize.width: is missing" },
	{ "'consoleSize':{'height':65536,'width':1}",
		"process.consoleSize.height: 65536 is not from 0 to 65535" },
	{ "'consoleSize':{'height':1,'width':-1}",
		"process.consoleSize.width: -1 is not from 0 to 65535" },
	{ "'user':'root'", "process.user: is not an object" },
	{ "'user':{'uid':4294967296}", "process.user.uid: 4294967296 is not from" },
	{ "'user':{'uid':-1}", "process.user.uid: -1 is not from" },
	{ "'user':{'uid':'0'}", "process.user.uid: is not a whole number" },
	{ "'user':{'uid':0.5}", "process.user.uid: is not a whole number" },
	{ "'user':{'gid':-1}", "process.user.gid: -1 is not from" },
	{ "'user':{'umask':512}", "process.user.umask: 512 is not from 0 to 511" },
	{ "'user':{'additionalGids':1}", "process.user.additionalGids: is not an array" },
	{ "'user':{'additionalGids':[1,-1]}", "process.user.additionalGids[1]: is not an id" },
	{ "'user':{'additionalGids':['1']}", "process.user.additionalGids[0]: is not an id" },
	{ "'capabilities':[]", "process.capabilities: is not an object" },
	{ "'capabilities':{'bounding':{}}", "process.capabilities.bounding: is not an array" },
	{ "'capabilities':{'bounding':[1]}", "process.capabilities.bounding[0]: is not a string" },
	{ "'capabilities':{'effective':[1]}",
		"process.capabilities.effective[0]: is not a string" },
	{ "'capabilities':{'inheritable':[1]}",
		"process.capabilities.inheritable[0]: is not a string" },
	{ "'capabilities':{'permitted':['CAP_CHOWN',1]}",
		"process.capabilities.permitted[1]: is not a string" },
	{ "'capabilities':{'ambient':[1]}", "process.capabilities.ambient[0]: is not a string" },
	{ "'rlimits':{}", "process.rlimits: is not an array" },
	{ "'rlimits':[1]", "process.rlimits[0]: is not an object" },
	{ "'rlimits':[{}]", "process.rlimits[0].type: is missing" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':1,'hard':1},{'type':'RLIMIT_CPU','soft':1,"
	  "'hard':1},{'type':'RLIMIT_FOO','soft':1,'hard':1}]",
		"process.rlimits[2].type: \"RLIMIT_FOO\" is not known" },
	{ "'rlimits':[{'type':1}]", "process.rlimits[0].type: is not a string" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':1}]", "process.rlimits[0].hard: is missing" },
	{ "'rlimits':[{'type':'RLIMIT_AS','hard':1}]", "process.rlimits[0].soft: is missing" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':-1,'hard':1}]",
		"process.rlimits[0].soft: -1 is negative" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':1,'hard':'1'}]",
		"process.rlimits[0].hard: is not a whole number" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':2,'hard':1}]",
		"process.rlimits[0].soft: 2 is above hard, which is 1" },
	{ "'rlimits':[{'type':'RLIMIT_AS','soft':1,'hard':1},{'type':'RLIMIT_AS','soft':2,"
	  "'hard':2}]",
		"process.rlimits[1].type: \"RLIMIT_AS\" is there twice" },
	{ "'noNewPrivileges':0", "process.noNewPrivileges: is not true or false" },
	{ "'oomScoreAdj':1001", "process.oomScoreAdj: 1001 is not from -1000 to 1000" },
	{ "'oomScoreAdj':'0'", "process.oomScoreAdj: is not a whole number" },
	{ "'apparmorProfile':1", "process.apparmorProfile: is not a string" },
	{ "'selinuxLabel':1", "process.selinuxLabel: is not a string" },
	{ "'scheduler':1", "process.scheduler: is not an object" },
	{ "'scheduler':{}", "process.scheduler.policy: is missing" },
	{ "'scheduler':{'policy':'SCHED_FOO'}",
		"process.scheduler.policy: \"SCHED_FOO\" is not known" },
	{ "'scheduler':{'policy':'SCHED_OTHER','nice':20}",
		"process.scheduler.nice: 20 is not from -20 to 19" },
	{ "'scheduler':{'policy':'SCHED_RR','priority':100}",
		"process.scheduler.priority: 100 is not from 0 to 99" },
	{ "'scheduler':{'policy':'SCHED_BATCH','priority':1}",
		"process.scheduler.priority: is of SCHED_FIFO and SCHED_RR only" },
	{ "'scheduler':{'policy':'SCHED_RR','flags':'x'}",
		"process.scheduler.flags: is not an array" },
	{ "'scheduler':{'policy':'SCHED_RR','flags':['SCHED_FLAG_RECLAIM','x']}",
		"process.scheduler.flags[1]: \"x\" is not known" },
	{ "'scheduler':{'policy':'SCHED_RR','flags':[1]}",
		"process.scheduler.flags[0]: is not a string" },
	{ "'scheduler':{'policy':'SCHED_RR','runtime':1}",
		"process.scheduler.runtime: is of SCHED_DEADLINE only" },
	{ "'scheduler':{'policy':'SCHED_RR','deadline':1}",
		"process.scheduler.deadline: is of SCHED_DEADLINE only" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','period':-1}",
		"process.scheduler.period: -1 is negative" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','deadline':9999}",
		"process.scheduler.runtime: 0 is not from 1024" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':9223372036854775808,'deadline':"
	  "9223372036854775809}",
		"process.scheduler.runtime: 9223372036854775808 is not from" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':3000,'deadline':2000}",
		"process.scheduler.runtime: 3000 is above deadline, which is 2000" },
	{ "'scheduler':{'policy':'SCHED_DEADLINE','runtime':2000,'deadline':4000,'period':3000}",
		"process.scheduler.deadline: 4000 is above period, which is 3000" },
	{ "'ioPriority':1", "process.ioPriority: is not an object" },
	{ "'ioPriority':{'priority':1}", "process.ioPriority.class: is missing" },
	{ "'ioPriority':{'class':'x'}", "process.ioPriority.class: \"x\" is not known" },
	{ "'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}",
		"process.ioPriority.priority: 8 is not from 0 to 7" },
	{ "'execCPUAffinity':1", "process.execCPUAffinity: is not an object" },
	{ "'execCPUAffinity':{'initial':1}", "process.execCPUAffinity.initial: is not a string" },
	{ "'execCPUAffinity':{'initial':'0-'}",
		"process.execCPUAffinity.initial: '0-' is not a list" },
	{ "'execCPUAffinity':{'final':'3-1'}",
		"process.execCPUAffinity.final: '3-1' is not a list" },
	{ "'execCPUAffinity':{'final':'1,'}", "process.execCPUAffinity.final: '1,' is not a list" },
	{ "'vessel':1", "process.vessel: is not an object" },
	{ "'vessel':{'user':1}", "process.vessel.user: is not a string" },
	{ "'vessel':{'makeCwd':1}", "process.vessel.makeCwd: is not true or false" },
};

#define MAP "{'containerID':0,'hostID':0,'size':1}"
static const struct row mounts[] = {
	{ "null", "mounts[0]: is not an object" },
	{ "{'type':'proc'}", "mounts[0].destination: is missing" },
	{ "{'destination':'/a'},{'destination':''}", "mounts[1].destination: is missing" },
	{ "{'destination':1}", "mounts[0].destination: is not a string" },
	{ "{'destination':'/a','type':1}", "mounts[0].type: is not a string" },
	{ "{'destination':'/a','source':1}", "mounts[0].source: is not a string" },
	{ "{'destination':'/a','options':'ro'}", "mounts[0].options: is not an array" },
	{ "{'destination':'/a','options':['ro',1]}", "mounts[0].options[1]: is not a string" },
	{ "{'destination':'/a','uidMappings':{}}", "mounts[0].uidMappings: is not an array" },
	{ "{'destination':'/a','uidMappings':[" MAP "]}", "mounts[0].gidMappings: is missing" },
	{ "{'destination':'/a','gidMappings':[" MAP "]}", "mounts[0].uidMappings: is missing" },
	{ "{'destination':'/a','gidMappings':[" MAP ",{}]}",
		"mounts[0].gidMappings[1].containerID: is missing" },
};

static const struct row linux_rows[] = {
	{ "'namespaces':{}", "linux.namespaces: is not an array" },
	{ "'namespaces':['pid']", "linux.namespaces[0]: is not an object" },
	{ "'namespaces':[{}]", "linux.namespaces[0].type: is missing" },
	{ "'namespaces':[{'type':'net'}]", "linux.namespaces[0].type: \"net\" is not known" },
	{ "'namespaces':[{'type':'pid'},{'type':'pid'}]",
		"linux.namespaces[1].type: \"pid\" is there twice" },
	{ "'namespaces':[{'type':'pid','path':'x'}]",
		"linux.namespaces[0].path: 'x' is not absolute" },
	{ "'namespaces':[{'type':'pid','path':1}]", "linux.namespaces[0].path: is not a string" },
	{ "'uidMappings':1", "linux.uidMappings: is not an array" },
	{ "'uidMappings':[" MAP "]", "linux.uidMappings: needs a user namespace" },
	{ "'gidMappings':[" MAP "]", "linux.gidMappings: needs a user namespace" },
	{ "'namespaces':[{'type':'user'}],'uidMappings':[" MAP "]",
		"linux.gidMappings: is missing" },
	{ "'uidMappings':[{'hostID':0,'size':1}]", "linux.uidMappings[0].containerID: is missing" },
	{ "'uidMappings':[{'containerID':0,'size':1}]", "linux.uidMappings[0].hostID: is missing" },
	{ "'uidMappings':[{'containerID':0,'hostID':0}]", "linux.uidMappings[0].size: is missing" },
	{ "'gidMappings':[{'containerID':0,'hostID':0,'size':0}]",
		"linux.gidMappings[0].size: is 0" },
	{ "'gidMappings':[{'containerID':1,'hostID':0,'size':4294967295}]",
		"linux.gidMappings[0].size: 4294967295 reaches beyond the last id" },
	{ "'gidMappings':[{'containerID':'0','hostID':0,'size':1}]",
		"linux.gidMappings[0].containerID: is not a whole number" },
	{ "'gidMappings':[{'containerID':0,'hostID':-1,'size':1}]",
		"linux.gidMappings[0].hostID: -1 is not from" },
	{ "'devices':{}", "linux.devices: is not an array" },
	{ "'devices':[{'type':'c','major':1,'minor':3}]", "linux.devices[0].path: is missing" },
	{ "'devices':[{'path':'x','type':'c','major':1,'minor':3}]",
		"linux.devices[0].path: 'x' is not absolute" },
	{ "'devices':[{'path':'/dev/x','major':1,'minor':3}]",
		"linux.devices[0].type: is missing" },
	{ "'devices':[{'path':'/dev/x','type':'d','major':1,'minor':3}]",
		"linux.devices[0].type: \"d\" is not b, c, u or p" },
	{ "'devices':[{'path':'/dev/x','type':'c','minor':3}]",
		"linux.devices[0].major: is missing" },
	{ "'devices':[{'path':'/dev/x','type':'b','major':1}]",
		"linux.devices[0].minor: is missing" },
	{ "'devices':[{'path':'/dev/x','type':'c','major':4096,'minor':3}]",
		"linux.devices[0].major: 4096 is not from 0 to 4095" },
	{ "'devices':[{'path':'/dev/x','type':'c','major':1,'minor':-3}]",
		"linux.devices[0].minor: -3 is not from" },
	{ "'devices':[{'path':'/dev/x','type':'p','fileMode':'0666'}]",
		"linux.devices[0].fileMode: is not a whole number" },
	{ "'devices':[{'path':'/dev/x','type':'p','uid':-1}]",
		"linux.devices[0].uid: -1 is not from" },
	{ "'devices':[{'path':'/dev/x','type':'p','gid':true}]",
		"linux.devices[0].gid: is not a whole number" },
	{ "'cgroupsPath':1", "linux.cgroupsPath: is not a string" },
	{ "'seccomp':1", "linux.seccomp: is not an object" },
	{ "'seccomp':{}", "linux.seccomp.defaultAction: is missing" },
	{ "'seccomp':{'defaultAction':'ALLOW'}",
		"linux.seccomp.defaultAction: \"ALLOW\" is not known" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_NOTIFY'}",
		"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1}",
		"linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no such number" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4096}",
		"linux.seccomp.defaultErrnoRet: 4096 is not from 0 to 4095" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_VAX']}",
		"linux.seccomp.architectures[0]: \"SCMP_ARCH_VAX\" is not known" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG','X']}",
		"linux.seccomp.flags[1]: \"X\" is not known" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'m'}",
		"linux.seccomp.listenerMetadata: there is no listenerPath" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'@x'}",
		"linux.seccomp.listenerPath: \"@x\" is not absolute" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
	  "'action':'SCMP_ACT_NOTIFY'}]}",
		"linux.seccomp.listenerPath: is missing" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
	  "'action':'SCMP_ACT_LOG'},{'names':['b'],'action':'SCMP_ACT_FOO'}]}",
		"linux.seccomp.syscalls[1].action: \"SCMP_ACT_FOO\" is not known" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'action':'SCMP_ACT_LOG'}]}",
		"linux.seccomp.syscalls[0].names: is missing or empty" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
	  "'action':'SCMP_ACT_KILL','errnoRet':1}]}",
		"linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL_THREAD has no such number" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
	  "'action':'SCMP_ACT_KILL','args':[{'index':6,'value':1,'op':'SCMP_CMP_EQ'}]}]}",
		"linux.seccomp.syscalls[0].args[0].index: 6 is not from 0 to 5" },
	{ "'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
	  "'action':'SCMP_ACT_KILL','args':[{'index':0,'value':1,'op':'EQ'}]}]}",
		"linux.seccomp.syscalls[0].args[0].op: \"EQ\" is not known" },
	{ "'mountLabel':1", "linux.mountLabel: is not a string" },
	{ "'rootfsPropagation':'x'", "linux.rootfsPropagation: \"x\" is not known" },
	{ "'rootfsPropagation':1", "linux.rootfsPropagation: is not a string" },
	{ "'maskedPaths':'/x'", "linux.maskedPaths: is not an array" },
	{ "'maskedPaths':['/x','y']", "linux.maskedPaths[1]: 'y' is not absolute" },
	{ "'maskedPaths':['/x']", "linux.maskedPaths: needs an own mount namespace" },
	{ "'readonlyPaths':[1]", "linux.readonlyPaths[0]: is not a string" },
	{ "'readonlyPaths':['']", "linux.readonlyPaths[0]: '' is not absolute" },
	{ "'readonlyPaths':['/x']", "linux.readonlyPaths: needs an own mount namespace" },
	{ "'sysctl':[]", "linux.sysctl: is not an object" },
	{ "'sysctl':{'net.x':1}", "linux.sysctl[\"net.x\"]: is not a string" },
	{ "'sysctl':{'net.x':'1'}", "linux.sysctl[\"net.x\"]: needs an own network namespace" },
	{ "'sysctl':{'net/x':'1'}", "linux.sysctl[\"net/x\"]: needs an own network namespace" },
	{ "'sysctl':{'fs.mqueue.x':'1'}", "linux.sysctl[\"fs.mqueue.x\"]: needs an own ipc" },
	{ "'sysctl':{'kernel.shmmax':'1'}", "linux.sysctl[\"kernel.shmmax\"]: needs an own ipc" },
	{ "'sysctl':{'kernel.domainname':'1'}",
		"linux.sysctl[\"kernel.domainname\"]: needs an own uts" },
	{ "'namespaces':[{'type':'uts'}],'sysctl':{'kernel.hostname':'1'}",
		"linux.sysctl[\"kernel.hostname\"]: is what 'hostname' is for" },
	{ "'sysctl':{'kernel.core_pattern':'1'}",
		"linux.sysctl[\"kernel.core_pattern\"]: is not of a namespace" },
	/* A family is its names, not what begins like one. */
	{ "'sysctl':{'kernel.shmx':'1'}", "linux.sysctl[\"kernel.shmx\"]: is not of a namespace" },
	{ "'sysctl':{'net/../kernel/x':'1'}",
		"linux.sysctl[\"net/../kernel/x\"]: is no valid name" },
	{ "'sysctl':{'net..x':'1'}", "linux.sysctl[\"net..x\"]: is no valid name" },
	{ "'sysctl':{'/net.x':'1'}", "linux.sysctl[\"/net.x\"]: is no valid name" },
	{ "'timeOffsets':[]", "linux.timeOffsets: is not an object" },
	{ "'timeOffsets':{'monotonic':1}", "linux.timeOffsets.monotonic: is not an object" },
	{ "'timeOffsets':{'boottime':{'secs':'1'}}",
		"linux.timeOffsets.boottime.secs: is not a whole number" },
	{ "'timeOffsets':{'boottime':{'nanosecs':1000000000}}",
		"linux.timeOffsets.boottime.nanosecs: 1000000000 is not from 0 to 999999999" },
	{ "'timeOffsets':{'boottime':{'secs':1}}", "linux.timeOffsets: needs a new time" },
	{ "'timeOffsets':{'monotonic':{}},'namespaces':[{'type':'time','path':'/x'}]",
		"linux.timeOffsets: needs a new time" },
	{ "'personality':'LINUX'", "linux.personality: is not an object" },
	{ "'personality':{}", "linux.personality.domain: is missing" },
	{ "'personality':{'domain':'BSD'}", "linux.personality.domain: \"BSD\" is not known" },
	{ "'personality':{'domain':'LINUX','flags':['x']}",
		"linux.personality.flags[0]: \"x\" is not known" },
	{ "'intelRdt':1", "linux.intelRdt: is not an object" },
	{ "'intelRdt':{'closID':1}", "linux.intelRdt.closID: is not a string" },
	{ "'intelRdt':{'closID':'..'}", "linux.intelRdt.closID: '..' is not the name" },
	{ "'intelRdt':{'closID':'a/b'}", "linux.intelRdt.closID: 'a/b' is not the name" },
	{ "'intelRdt':{'schemata':['a',2]}", "linux.intelRdt.schemata[1]: is not a string" },
	{ "'intelRdt':{'l3CacheSchema':1}", "linux.intelRdt.l3CacheSchema: is not a string" },
	{ "'intelRdt':{'memBwSchema':1}", "linux.intelRdt.memBwSchema: is not a string" },
	{ "'intelRdt':{'enableMonitoring':1}",
		"linux.intelRdt.enableMonitoring: is not true or false" },
	{ "'intelRdt':{'enableCMT':1}", "linux.intelRdt.enableCMT: is not true or false" },
	{ "'intelRdt':{'enableMBM':1}", "linux.intelRdt.enableMBM: is not true or false" },
	{ "'netDevices':[]", "linux.netDevices: is not an object" },
	{ "'netDevices':{'eth0':1}", "linux.netDevices[\"eth0\"]: is not an object" },
	{ "'netDevices':{'eth0':{'name':1}}", "linux.netDevices[\"eth0\"].name: is not a string" },
	{ "'netDevices':{'a b':{}}", "linux.netDevices[\"a b\"]: is not the name" },
	{ "'netDevices':{'0123456789abcdef':{}}",
		"linux.netDevices[\"0123456789abcdef\"]: is not the name" },
	{ "'netDevices':{'a':{'name':'x/y'}}",
		"linux.netDevices[\"a\"].name: 'x/y' is not the name" },
	{ "'netDevices':{'a':{}}", "linux.netDevices: needs an own network namespace" },
	{ "'namespaces':[{'type':'network'}],'netDevices':{'a':{},'b':{'name':'a'}}",
		"linux.netDevices[\"b\"].name: 'a' is there twice" },
	{ "'memoryPolicy':1", "linux.memoryPolicy: is not an object" },
	{ "'memoryPolicy':{}", "linux.memoryPolicy.mode: is missing" },
	{ "'memoryPolicy':{'mode':'x'}", "linux.memoryPolicy.mode: \"x\" is not known" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','nodes':'a'}",
		"linux.memoryPolicy.nodes: 'a' is not a list" },
	{ "'memoryPolicy':{'mode':'MPOL_BIND','flags':['x']}",
		"linux.memoryPolicy.flags[0]: \"x\" is not known" },
	{ "'resources':1", "linux.resources: is not an object" },
};

static const struct row hooks[] = {
	{ "{}", ": is not an array" },
	{ "[1]", "[0]: is not an object" },
	{ "[{'path':'/a'},{}]", "[1].path: is missing" },
	{ "[{'path':'a'}]", "[0].path: 'a' is not absolute" },
	{ "[{'path':1}]", "[0].path: is not a string" },
	{ "[{'path':'/a','args':'x'}]", "[0].args: is not an array" },
	{ "[{'path':'/a','env':[1]}]", "[0].env[0]: is not a string" },
	{ "[{'path':'/a','timeout':0}]", "[0].timeout: 0 is not from 1" },
	{ "[{'path':'/a','timeout':'1'}]", "[0].timeout: is not a whole number" },
};

static void wrong_members_are_named(void **state)
{
	(void)state;
	EXPECT_ALL("{@}", top);
	EXPECT_ALL("{'ociVersion':'1.2.0',@}", plain);
	EXPECT_ALL("{'ociVersion':'1.2.0','process':{@}}", process_alone);
	EXPECT_ALL("{'ociVersion':'1.2.0','process':{'args':['a'],'cwd':'/',@}}", process);
	EXPECT_ALL("{'ociVersion':'1.2.0','mounts':[@]}", mounts);
	EXPECT_ALL("{'ociVersion':'1.2.0','linux':{@}}", linux_rows);
}

static void wrong_hooks_are_named(void **state)
{
	static const char *const points[] = { "prestart", "createRuntime", "createContainer",
		"startContainer", "poststart", "poststop" };

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		cleanup_free char *around =
			xasprintf("{'ociVersion':'1.2.0','hooks':{'%s':@}}", points[i]);

		for (size_t k = 0; k < sizeof(hooks) / sizeof(*hooks); k++) {
			cleanup_free char *error =
				xasprintf("hooks.%s%s", points[i], hooks[k].error);

			expect(around, &(struct row){ hooks[k].members, error });
		}
	}
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const texts[] = { "", "[]", "1", "null", "{", "{}{}", "\"a\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_spec struct spec spec;

		spec_init(&spec);
		assert_int_equal(spec_parse(texts[i], strlen(texts[i]), &spec, &err), -1);
		assert_non_null(strstr(error_message(err), "config.json"));
	}
}

/* Every count that comes from outside has a ceiling: one below, at and above it. */
static const struct {
	const char *around, *entry;
	size_t max;
} ceilings[] = {
	{ "{'ociVersion':'1.2.0','mounts':[@]}", "{'destination':'/a'}", 4096 },
	{ "{'ociVersion':'1.2.0','linux':{'devices':[@]}}", "{'path':'/dev/a','type':'p'}", 1024 },
	{ "{'ociVersion':'1.2.0','hooks':{'poststop':[@]}}", "{'path':'/a'}", 1024 },
	{ "{'ociVersion':'1.2.0','process':{'args':['a'],'cwd':'/','capabilities':{'bounding':[@]}}"
	  "}",
		"'CAP_CHOWN'", 256 },
	{ "{'ociVersion':'1.2.0','process':{'args':['a'],'cwd':'/','user':{'additionalGids':[@]}}}",
		"7", 65536 },
	{ "{'ociVersion':'1.2.0','linux':{'personality':{'domain':'LINUX','flags':[@]}}}",
		"'UNAME26'", 64 },
};

static void check_count(size_t i, size_t count)
{
	cleanup_buf struct buf entries = BUF_INIT(BUF_LARGE);
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	cleanup_spec struct spec spec;

	for (size_t k = 0; k < count; k++)
		buf_printf(&entries, "%s%s", k ? "," : "", ceilings[i].entry);
	text = document(ceilings[i].around, buf_text(&entries));
	spec_init(&spec);
	if ((spec_parse(text, strlen(text), &spec, &err) == 0) != (count <= ceilings[i].max))
		fail_msg("%s, %zu: %s", ceilings[i].around, count,
			err ? error_message(err) : "accepted");
}

static void counts_have_ceilings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(*ceilings); i++)
		for (size_t count = ceilings[i].max - 1; count <= ceilings[i].max + 1; count++)
			check_count(i, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_members_are_named),
		cmocka_unit_test(wrong_hooks_are_named),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(counts_have_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
