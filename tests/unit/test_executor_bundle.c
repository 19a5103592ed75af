/* From a job's spec and an image to config.json of the OCI runtime, and what keepers say. */
#include "unit.h"

#include <signal.h>
#include <unistd.h>

#include "runtimes/oci/oci_config.h"
#include "runtimes/oci/oci_output.h"
#include "runtimes/oci/oci_state.h"
#include "runtimes/oci/oci_syscalls.h"
#include "runtimes/oci/oci_words.h"

#define JOB "018f0000-0000-7000-8000-00000000000a"

static json_t *parse(const char *text)
{
    char copy[4096];
    json_error_t err;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &err);
    if (!value)
        fail_msg("%s: %s", err.text, copy);
    return value;
}

static oci_host host;
static oci_user user;
static const char *image_text, *devices_text;
static json_t *large_image; /* in place of image_text */
static const char *gpus, *gpu_hook;

static int reset(void **state)
{
    host = (oci_host){ .groups = OCI_GROUPS_V1,
                       .limits_swap = true,
                       .capabilities = ~0ULL,
                       .name = "box",
                       .pids_limit = 4096 };
    user = (oci_user){ .home = "/" };
    image_text = "{'Cmd': ['sh']}";
    devices_text = "[]";
    gpus = gpu_hook = NULL;
    return 0;
}

/* members: of the container, behind its resources; written with ' for ". */
static int try(const char *members, oci_config *ret, ob_error *err)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "{'queue':'q','container':{'image':'img','resourceRequirements':"
                   "[{'type':'VCPU','value':'2'},{'type':'MEMORY','value':'128'}]%s%s}}",
                   *members ? "," : "", members);
    json_auto_t *spec = parse(text), *devices = parse(devices_text);
    json_auto_t *image = large_image ? json_incref(large_image) : parse(image_text);
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(JOB ":4/2", &ref));
    const oci_input in = { .ref = &ref,
                           .attempt = 3,
                           .spec = spec,
                           .ce = "own",
                           .gpus = gpus,
                           .image = image,
                           .user = &user,
                           .host = &host,
                           .devices = devices,
                           .folder = "/runs/x",
                           .group = "/openbatch/i/x",
                           .keeper = "/bin/keeper",
                           .gpu_hook = gpu_hook };
    return oci_config_make(&in, ret, err);
}

static oci_config make(const char *members)
{
    oci_config config = { 0 };
    ob_error err = { 0 };
    if (try(members, &config, &err) < 0)
        fail_msg("%s", err.text);
    return config;
}

static const json_t *at(const json_t *value, const char *path)
{
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    for (char *rest = copy, *name; (name = strsep(&rest, "."));)
        value = json_object_get(value, name);
    return value;
}

static void assert_at(const json_t *body, const char *path, const char *expected_text)
{
    json_auto_t *expected = parse(expected_text);
    const json_t *value = at(body, path);
    if (json_equal(value, expected))
        return;
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : strdup("nothing");
    fail_msg("%s: %s, not %s", path, text, expected_text);
}

static bool has_text(const json_t *list, const char *text)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) if (strcmp(json_string_value(item), text) == 0) return true;
    return false;
}

static const json_t *mount_at(const json_t *body, const char *target)
{
    size_t i;
    const json_t *item, *found = NULL;
    json_array_foreach(json_object_get(body, "mounts"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "destination")), target) != 0)
            continue;
        assert_null(found); /* a place is mounted once */
        found = item;
    }
    return found;
}

/* ---- the process ---- */

static void a_job_s_command_takes_the_place_of_the_image_s(void **state)
{
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_at(a.body, "process.args", "['sh']");
    image_text = "{'Entrypoint': ['/e', 'x'], 'Cmd': ['c']}";
    ob_cleanup(oci_config_done) oci_config b = make("");
    assert_at(b.body, "process.args", "['/e', 'x', 'c']");
    ob_cleanup(oci_config_done) oci_config c = make("'command': ['d', 'e']");
    assert_at(c.body, "process.args", "['/e', 'x', 'd', 'e']");
    ob_cleanup(oci_config_done) oci_config d = make("'command': []");
    assert_at(d.body, "process.args", "['/e', 'x', 'c']");
    image_text = "{}";
    oci_config e = { 0 };
    ob_error err = { 0 };
    assert_int_equal(try("", &e, &err), -EINVAL);
    assert_string_equal(err.text, "no command specified");
}

static void an_init_process_starts_the_command(void **state)
{
    ob_cleanup(oci_config_done) oci_config a = make("'linuxParameters': {'initProcessEnabled': "
                                                    "true}");
    assert_at(a.body, "process.args", "['/sbin/docker-init', 'init', 'sh']");
    assert_at(mount_at(a.body, "/sbin/docker-init"), "source", "'/bin/keeper'");
}

static void the_last_of_two_variables_counts(void **state)
{
    image_text = "{'Cmd': ['sh'], 'Env': ['PATH=/x', 'A=1', 'AWS_BATCH_JOB_ID=forged']}";
    ob_cleanup(oci_config_done) oci_config a =
        make("'environment': [{'name': 'A', 'value': '2'}, {'name': 'B', 'value': 'b=c'}]");
    const json_t *env = at(a.body, "process.env");
    assert_true(has_text(env, "PATH=/x"));
    assert_true(has_text(env, "HOSTNAME=box"));
    assert_true(has_text(env, "A=2"));
    assert_false(has_text(env, "A=1"));
    assert_true(has_text(env, "B=b=c"));
    assert_true(has_text(env, "AWS_BATCH_JOB_ID=" JOB ":4"));
    assert_false(has_text(env, "AWS_BATCH_JOB_ID=forged"));
    assert_true(has_text(env, "AWS_BATCH_JOB_ATTEMPT=3"));
    assert_true(has_text(env, "AWS_BATCH_JOB_ARRAY_INDEX=4"));
    assert_true(has_text(env, "HOME=/"));
    ob_cleanup(oci_config_done) oci_config b =
        make("'environment': [{'name': 'HOME', 'value': '/mine'}]");
    assert_true(has_text(at(b.body, "process.env"), "HOME=/mine"));
    assert_false(has_text(at(b.body, "process.env"), "HOME=/"));
}

/* A pass over all of them for each would take minutes, in which the executor does nothing else. */
static void an_image_may_have_many_variables(void **state)
{
    enum { VARIABLES = 200000 };
    char text[32];
    json_auto_t *env = json_array();
    for (int i = 0; i < VARIABLES; i++) {
        (void)snprintf(text, sizeof(text), "V%d=%d", i, i);
        (void)json_array_append_new(env, json_string(text));
    }
    (void)json_array_append_new(env, json_string("V7=seven"));
    large_image = json_pack("{s:[s], s:O}", "Cmd", "sh", "Env", env);
    ob_cleanup(oci_config_done) oci_config config = make("");
    const json_t *made = at(config.body, "process.env");
    assert_in_range(json_array_size(made), VARIABLES, VARIABLES + 20);
    assert_true(has_text(made, "V7=seven"));
    assert_false(has_text(made, "V7=7"));
    json_decref(large_image);
    large_image = NULL;
}

static void a_user_other_than_root_has_no_capabilities(void **state)
{
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_true(has_text(at(a.body, "process.capabilities.effective"), "CAP_CHOWN"));
    assert_false(has_text(at(a.body, "process.capabilities.bounding"), "CAP_NET_RAW"));
    assert_false(has_text(at(a.body, "process.capabilities.bounding"), "CAP_SYS_ADMIN"));
    assert_at(a.body, "process.capabilities.inheritable", "[]");
    user = (oci_user){ .uid = 5, .gid = 6, .more = { 7, 8 }, .more_count = 2, .home = "/h" };
    ob_cleanup(oci_config_done) oci_config b = make("");
    assert_at(b.body, "process.user", "{'uid': 5, 'gid': 6, 'additionalGids': [7, 8]}");
    assert_at(b.body, "process.capabilities.effective", "[]");
    assert_at(b.body, "process.capabilities.permitted", "[]");
    assert_true(has_text(at(b.body, "process.capabilities.bounding"), "CAP_CHOWN"));
}

static void what_is_the_host_s_is_hidden(void **state)
{
    static const char *const hidden[] = { "/proc/kcore",
                                          "/proc/keys",
                                          "/proc/scsi",
                                          "/proc/interrupts",
                                          "/sys/devices/virtual/powercap",
                                          "/sys/firmware" };
    ob_cleanup(oci_config_done) oci_config config = make("");
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        if (!has_text(at(config.body, "linux.maskedPaths"), hidden[i]))
            fail_msg("%s", hidden[i]);
    assert_true(has_text(at(config.body, "linux.readonlyPaths"), "/proc/sysrq-trigger"));
}

static void nobody_gets_what_the_executor_does_not_have(void **state)
{
    host.capabilities = ~(1ULL << 24); /* CAP_SYS_RESOURCE */
    ob_cleanup(oci_config_done) oci_config a = make("'privileged': true");
    assert_true(has_text(at(a.body, "process.capabilities.bounding"), "CAP_SYS_ADMIN"));
    assert_false(has_text(at(a.body, "process.capabilities.bounding"), "CAP_SYS_RESOURCE"));
    assert_null(at(a.body, "linux.maskedPaths"));
    assert_at(a.body, "linux.resources.devices", "[{'allow': true, 'access': 'rwm'}]");
    host.oom_score = -500;
    ob_cleanup(oci_config_done) oci_config b = make("");
    assert_at(b.body, "process.oomScoreAdj", "0");
}

static void ulimits_become_rlimits(void **state)
{
    ob_cleanup(oci_config_done) oci_config a =
        make("'ulimits': [{'name': 'nofile', 'softLimit': 7, 'hardLimit': 8}]");
    assert_at(a.body, "process.rlimits", "[{'type': 'RLIMIT_NOFILE', 'soft': 7, 'hard': 8}]");
}

static void the_folder_and_the_signal_are_the_image_s(void **state)
{
    static const struct {
        const char *image;
        int number;
    } cases[] = {
        { "{}", SIGTERM },
        { "{'StopSignal': 'SIGINT'}", SIGINT },
        { "{'StopSignal': 'QUIT'}", SIGQUIT },
        { "{'StopSignal': '9'}", SIGKILL },
        { "{'StopSignal': 'SIGNONE'}", SIGTERM },
        { "{'StopSignal': '4000'}", SIGTERM },
        { "{'StopSignal': 'SIGRTMIN+2147483647'}", SIGTERM },
        { "{'StopSignal': 'RTMIN-1'}", SIGTERM },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *image = parse(cases[i].image);
        assert_int_equal(oci_config_stop_signal(image), cases[i].number);
    }
    json_auto_t *image = parse("{'StopSignal': 'SIGRTMIN+3'}");
    assert_int_equal(oci_config_stop_signal(image), SIGRTMIN + 3);
    image_text = "{'Cmd': ['sh'], 'WorkingDir': '/w'}";
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_at(a.body, "process.cwd", "'/w'");
}

/* ---- limits ---- */

static void limits_are_docker_s(void **state)
{
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_at(a.body, "linux.resources.memory", "{'limit': 134217728, 'swap': 268435456}");
    assert_at(a.body, "linux.resources.cpu", "{'shares': 2048}");
    assert_at(a.body, "linux.resources.pids", "{'limit': 4096}");
    assert_at(a.body, "linux.cgroupsPath", "'/openbatch/i/x'");
    ob_cleanup(oci_config_done) oci_config b =
        make("'linuxParameters': {'maxSwap': 0, 'swappiness': 10}, "
             "'fargatePlatformConfiguration': {}");
    assert_at(b.body, "linux.resources.memory",
              "{'limit': 134217728, 'swap': 134217728, 'swappiness': 10}");
    assert_at(b.body, "linux.resources.cpu", "{'shares': 2048, 'period': 100000, 'quota': 200000}");
    host.limits_swap = false;
    ob_cleanup(oci_config_done) oci_config c = make("");
    assert_at(c.body, "linux.resources.memory", "{'limit': 134217728}");
}

static void calls_are_refused_but_to_who_may_make_them(void **state)
{
    host.refuses_calls = true;
    ob_cleanup(oci_config_done) oci_config config = make("");
    json_auto_t *refused = oci_syscalls_refused();
    assert_true(json_equal(at(config.body, "linux.seccomp"), refused));
    host.refuses_calls = false;
    ob_cleanup(oci_config_done) oci_config free_one = make("");
    assert_null(at(free_one.body, "linux.seccomp"));
}

static void cgroup_v2_has_its_own_namespace_and_no_swappiness(void **state)
{
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_at(a.body, "linux.namespaces",
              "[{'type': 'pid'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'}]");
    host.groups = OCI_GROUPS_V2;
    ob_cleanup(oci_config_done) oci_config b =
        make("'linuxParameters': {'maxSwap': 0, 'swappiness': 10}");
    assert_at(b.body, "linux.namespaces",
              "[{'type': 'pid'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'}, {'type': "
              "'cgroup'}]");
    assert_null(at(b.body, "linux.resources.memory.swappiness"));
}

static void devices_are_allowed_by_number(void **state)
{
    devices_text = "[{'path': '/dev/x', 'type': 'c', 'major': 10, 'minor': 229, 'fileMode': 438, "
                   "'uid': 0, 'gid': 0, 'access': 'rw'}]";
    ob_cleanup(oci_config_done) oci_config a = make("");
    const json_t *rules = at(a.body, "linux.resources.devices");
    json_auto_t *last = parse("{'allow': true, 'type': 'c', 'major': 10, 'minor': 229, 'access': "
                              "'rw'}");
    assert_true(json_equal(json_array_get(rules, json_array_size(rules) - 1), last));
    assert_at(a.body, "linux.devices",
              "[{'path': '/dev/x', 'type': 'c', 'major': 10, 'minor': 229, 'fileMode': 438, "
              "'uid': 0, 'gid': 0}]");
}

static void gpus_need_their_hook(void **state)
{
    oci_config none = { 0 };
    ob_error err = { 0 };
    gpus = "0,2";
    assert_int_equal(try("", &none, &err), -EINVAL);
    assert_non_null(strstr(err.text, "could not select device driver \"nvidia\""));
    gpu_hook = "/h";
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_true(has_text(at(a.body, "process.env"), "NVIDIA_VISIBLE_DEVICES=0,2"));
    assert_at(a.body, "hooks.prestart",
              "[{'path': '/h', 'args': ['nvidia-container-runtime-hook', 'prestart']}]");
}

static void an_unknown_log_driver_is_refused(void **state)
{
    oci_config none = { 0 };
    ob_error err = { 0 };
    assert_int_equal(try("'logConfiguration': {'logDriver': 'splunk'}", &none, &err), -EINVAL);
    assert_string_equal(err.text, "this instance has no log driver splunk");
}

/* ---- mounts ---- */

static void volumes_are_mounted(void **state)
{
    ob_cleanup(oci_config_done) oci_config a =
        make("'volumes': [{'name': 'own'}, {'name': 'h', 'host': {'sourcePath': '/srv/x'}}],"
             "'mountPoints': [{'sourceVolume': 'own', 'containerPath': '/a/b'},"
             "{'sourceVolume': 'h', 'containerPath': '/a', 'readOnly': true}]");
    assert_at(mount_at(a.body, "/a/b"), "source", "'/runs/x/" OCI_VOLUMES_FOLDER "/job-own'");
    assert_at(mount_at(a.body, "/a/b"), "options", "['rbind', 'rw', 'rprivate']");
    assert_at(mount_at(a.body, "/a"), "source", "'/srv/x'");
    assert_at(mount_at(a.body, "/a"), "options", "['rbind', 'ro', 'rprivate']");
    assert_at(a.volumes, "job-own", "'/a/b'");
    json_auto_t *sources = parse("['/srv/x']");
    assert_true(json_equal(a.sources, sources));
    /* The outer one is mounted first. */
    const json_t *mounts = at(a.body, "mounts");
    assert_at(json_array_get(mounts, json_array_size(mounts) - 1), "destination", "'/a/b'");
}

static void wrong_mounts_are_refused(void **state)
{
    static const char *const cases[] = {
        "'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/a'}]",
        "'volumes': [{'name': 'v'}], 'mountPoints': [{'sourceVolume': 'v'}]",
        "'volumes': [{'name': 'v'}], 'mountPoints': [{'sourceVolume': 'v', 'containerPath': 'a'}]",
        "'volumes': [{'name': 'v', 'host': {'sourcePath': 'x'}}], 'mountPoints': "
        "[{'sourceVolume': 'v', 'containerPath': '/a'}]",
        "'volumes': [{'name': 'v', 'efsVolumeConfiguration': {}}], 'mountPoints': "
        "[{'sourceVolume': 'v', 'containerPath': '/a'}]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        oci_config none = { 0 };
        ob_error err = { 0 };
        assert_int_equal(try(cases[i], &none, &err), -EINVAL);
        assert_true(*err.text);
    }
}

static void a_volume_s_name_stays_in_its_folder(void **state)
{
    ob_cleanup(oci_config_done) oci_config a =
        make("'volumes': [{'name': '../x=y'}], 'mountPoints': [{'sourceVolume': '../x=y', "
             "'containerPath': '/a'}]");
    assert_at(mount_at(a.body, "/a"), "source", "'/runs/x/" OCI_VOLUMES_FOLDER "/job-.._x_y'");
    ob_cleanup(oci_config_done) oci_config b =
        make("'volumes': [{'name': '..'}], 'mountPoints': [{'sourceVolume': '..', 'containerPath': "
             "'/a'}]");
    assert_at(mount_at(b.body, "/a"), "source", "'/runs/x/" OCI_VOLUMES_FOLDER "/job-..'");
}

static void a_job_s_mount_takes_the_place_of_a_usual_one(void **state)
{
    ob_cleanup(oci_config_done) oci_config a =
        make("'linuxParameters': {'tmpfs': [{'containerPath': '/dev/shm', 'size': 5, "
             "'mountOptions': ['exec', 'mode=700']}]}");
    assert_at(mount_at(a.body, "/dev/shm"), "options",
              "['noexec', 'nosuid', 'nodev', 'size=5m', 'exec', 'mode=700']");
    ob_cleanup(oci_config_done) oci_config b = make("'linuxParameters': {'sharedMemorySize': 3}");
    assert_at(mount_at(b.body, "/dev/shm"), "options",
              "['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=3145728']");
    assert_at(mount_at(b.body, "/etc/hosts"), "source", "'/runs/x/" OCI_ETC_FOLDER "/hosts'");
}

static void the_image_s_volumes_can_be_written_in_a_root_that_cannot(void **state)
{
    image_text = "{'Cmd': ['sh'], 'Volumes': {'/var/x': {}}}";
    ob_cleanup(oci_config_done) oci_config a = make("");
    assert_null(mount_at(a.body, "/var/x"));
    assert_at(a.body, "root.readonly", "false");
    ob_cleanup(oci_config_done) oci_config b = make("'readonlyRootFilesystem': true");
    assert_at(b.body, "root.readonly", "true");
    assert_at(mount_at(b.body, "/var/x"), "source",
              "'/runs/x/" OCI_VOLUMES_FOLDER "/image-_var_x'");
    assert_at(b.volumes, "image-_var_x", "'/var/x'");
}

/* What the keeper refused would be placed again and again. */
static void more_volumes_than_the_keeper_takes_are_refused(void **state)
{
    char text[32];
    ob_error err = { 0 };
    json_auto_t *volumes = json_object();
    large_image = json_pack("{s:[s], s:O}", "Cmd", "sh", "Volumes", volumes);
    for (int i = 0; i < OCI_VOLUMES_MAX; i++) {
        (void)snprintf(text, sizeof(text), "/v%d", i);
        (void)json_object_set_new(volumes, text, json_object());
    }
    ob_cleanup(oci_config_done) oci_config most = make("'readonlyRootFilesystem': true");
    assert_int_equal(json_object_size(most.volumes), OCI_VOLUMES_MAX);
    (void)json_object_set_new(volumes, "/more", json_object());
    ob_cleanup(oci_config_done) oci_config other = { 0 }, more = { 0 };
    assert_int_equal(try("", &other, &err), 0);
    assert_int_equal(try("'readonlyRootFilesystem': true", &more, &err), -EINVAL);
    assert_string_equal(err.text, "the container has more than 64 volumes of its own");
    json_decref(large_image);
    large_image = NULL;
}

/* ---- what keepers say ---- */

static oci_state read_state(const char *text)
{
    oci_state s;
    oci_state_read(text, strlen(text), &s);
    return s;
}

static void a_state_says_what_happened(void **state)
{
    oci_state s =
        read_state("boot b\nkeeper 12\nstart\nrunning 1000 13\nend 137 2 2000 0\nclean\n");
    assert_string_equal(s.boot, "b");
    assert_int_equal(s.keeper, 12);
    assert_true(s.may_have_begun);
    assert_int_equal(s.running_ms, 1000);
    assert_int_equal(s.result, OCI_RESULT_END);
    assert_int_equal(s.code, 137);
    assert_true(s.oom);
    assert_int_equal(s.ended_ms, 2000);
    assert_int_equal(s.cpu_ms, 0); /* of a keeper of an earlier version */
    assert_true(s.clean);
    s = read_state("start\nend 0 0 2000 0 1500 40960\n");
    assert_int_equal(s.result, OCI_RESULT_END);
    assert_int_equal(s.cpu_ms, 1500);
    assert_int_equal(s.peak_bytes, 40960);
    s = read_state("boot b\nkeeper 12\nrefused job no such file\nclean\n");
    assert_int_equal(s.result, OCI_RESULT_REFUSED);
    assert_false(s.by_host);
    assert_string_equal(s.why, "no such file");
    assert_true(read_state("refused host full\n").by_host);
    assert_int_equal(read_state("stopped\n").result, OCI_RESULT_STOPPED);
    assert_int_equal(read_state("start\nlost it is\n").result, OCI_RESULT_LOST);
}

static void what_is_not_whole_does_not_count(void **state)
{
    static const char *const cases[] = {
        "boot b\nstart\nend 0 0 2000 0",
        "end 0 0 2000\n",
        "end x 0 2000 0\n",
        "end 300 0 2000 0\n",
        "end -1 0 1 0\n",
        "endless 0 0 2000 0\n",
        "",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(read_state(cases[i]).result, OCI_RESULT_NONE);
    char zeros[64] = { 0 };
    oci_state s;
    oci_state_read(zeros, sizeof(zeros), &s);
    assert_int_equal(s.result, OCI_RESULT_NONE);
    assert_false(s.may_have_begun);
}

static void a_folder_s_name_is_its_run_s(void **state)
{
    char run[OB_RUN_TEXT];
    assert_true(oci_run_of_name("ob-" JOB "-1", run));
    assert_string_equal(run, JOB "/1");
    assert_true(oci_run_of_name("ob-" JOB "-17-2", run));
    assert_string_equal(run, JOB ":17/2");
    assert_false(oci_run_of_name("ob-" JOB, run));
    assert_false(oci_run_of_name("ob-" JOB "-", run));
    assert_false(oci_run_of_name("ob-" JOB "-1-2-3", run));
    assert_false(oci_run_of_name("ob-" JOB "-x", run));
    assert_false(oci_run_of_name(".trial", run));
}

static int lines;
static size_t spans;
static runtime_more answer;

static runtime_more on_record(int64_t at_ns, const char *text, size_t len, size_t span, void *arg)
{
    lines++;
    spans += span;
    return answer;
}

static size_t put_record(char *at, size_t len, bool ends)
{
    const oci_record record = {
        .at_ns = 5, .len = (uint32_t)len, .mark = OCI_RECORD_MARK, .ends = ends
    };
    memcpy(at, &record, sizeof(record));
    memset(at + sizeof(record), 'x', len);
    return sizeof(record) + len;
}

static void only_whole_records_are_passed_on(void **state)
{
    char data[256];
    runtime_more more = RUNTIME_GO_ON;
    size_t n = put_record(data, 10, true);
    size_t all = n + put_record(data + n, 20, false);
    lines = 0;
    spans = 0;
    answer = RUNTIME_GO_ON;
    assert_int_equal(oci_output_take(data, all - 1, on_record, NULL, &more), n);
    assert_int_equal(spans, 11);
    assert_int_equal(oci_output_take(data, all, on_record, NULL, &more), all);
    assert_int_equal(lines, 3);
    assert_int_equal(spans, 11 + 11 + 20);
    answer = RUNTIME_WAIT;
    assert_int_equal(oci_output_take(data, all, on_record, NULL, &more), n);
    assert_int_equal(more, RUNTIME_WAIT);
    data[8] ^= 1; /* another length */
    data[12] ^= 1;
    assert_int_equal(oci_output_take(data, all, on_record, NULL, &more), 0);
    assert_int_equal(more, RUNTIME_ENOUGH);
}

#define RESET(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESET(a_job_s_command_takes_the_place_of_the_image_s),
        RESET(an_init_process_starts_the_command),
        RESET(the_last_of_two_variables_counts),
        RESET(an_image_may_have_many_variables),
        RESET(a_user_other_than_root_has_no_capabilities),
        RESET(what_is_the_host_s_is_hidden),
        RESET(nobody_gets_what_the_executor_does_not_have),
        RESET(ulimits_become_rlimits),
        RESET(the_folder_and_the_signal_are_the_image_s),
        RESET(limits_are_docker_s),
        RESET(calls_are_refused_but_to_who_may_make_them),
        RESET(cgroup_v2_has_its_own_namespace_and_no_swappiness),
        RESET(devices_are_allowed_by_number),
        RESET(gpus_need_their_hook),
        RESET(an_unknown_log_driver_is_refused),
        RESET(volumes_are_mounted),
        RESET(wrong_mounts_are_refused),
        RESET(a_volume_s_name_stays_in_its_folder),
        RESET(a_job_s_mount_takes_the_place_of_a_usual_one),
        RESET(the_image_s_volumes_can_be_written_in_a_root_that_cannot),
        RESET(more_volumes_than_the_keeper_takes_are_refused),
        RESET(a_state_says_what_happened),
        RESET(what_is_not_whole_does_not_count),
        RESET(a_folder_s_name_is_its_run_s),
        RESET(only_whole_records_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
