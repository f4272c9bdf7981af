/* A libnvidia-ml.so.1 for machines without a GPU: the ABI that pynvml calls, with units
 * and return codes of NVIDIA's reference. Tests set what it answers by standin_set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS 0
#define UNINITIALIZED 1
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define DRIVER_NOT_LOADED 9
#define TIMEOUT 10
#define GPU_IS_LOST 15
#define UNSET (-1LL)
#define MOST 4

typedef struct {
    char uuid[80];
    long long lost, gpu, encoder, total, used, power, energy, celsius, corrected,
        uncorrected, reasons, old_reasons, mig;
    int parent; /* -1: a GPU, else this is a MIG device of it */
} Device;

static Device devices[MOST];
static int count, initialised, broken, inits, passes;
static unsigned long long events[2048];
static int event_device[2048], event_first, event_last, registered;

void standin_reset(int n) {
    count = n, initialised = broken = inits = passes = registered = 0;
    event_first = event_last = 0;
    for (int i = 0; i < MOST; i++) {
        long long *value = &devices[i].lost;
        for (; value <= &devices[i].mig; value++) *value = UNSET;
        devices[i].lost = 0, devices[i].parent = -1;
        snprintf(devices[i].uuid, 80, "GPU-%d", i);
    }
}
int standin_inits(void) { return inits; }
int standin_passes(void) { return passes; }
void standin_break(int code) { broken = code; }
void standin_xid(int device, unsigned long long xid) {
    if (registered & (1 << device))
        event_device[event_last] = device, events[event_last++] = xid;
}
void standin_set(int i, const char *what, long long value) {
    Device *d = &devices[i];
#define FIELD(name) if (!strcmp(what, #name)) d->name = value
    FIELD(lost); FIELD(gpu); FIELD(encoder); FIELD(total); FIELD(used); FIELD(power);
    FIELD(energy); FIELD(celsius); FIELD(corrected); FIELD(uncorrected); FIELD(reasons);
    FIELD(old_reasons); FIELD(mig);
    if (!strcmp(what, "parent"))
        d->parent = value, snprintf(d->uuid, 80, "MIG-%d", i);
}

/* a process that no test reaches into has one device that reports its power */
__attribute__((constructor)) static void begin(void) {
    standin_reset(getenv("STANDIN_WATTS") ? 1 : 0);
    if (count) standin_set(0, "power", atoll(getenv("STANDIN_WATTS")) * 1000);
}

/* a lost device answers nothing, an unset value is not supported */
static int answer(Device *d, long long value, unsigned long long *out) {
    if (!initialised) return UNINITIALIZED;
    if (d->lost) return GPU_IS_LOST;
    if (value == UNSET) return NOT_SUPPORTED;
    *out = value;
    return SUCCESS;
}
static int answer32(Device *d, long long value, unsigned *out) {
    unsigned long long wide;
    int code = answer(d, value, &wide);
    if (!code) *out = (unsigned)wide;
    return code;
}

int nvmlInit_v2(void) {
    if (broken) return broken;
    inits++, initialised = 1;
    return SUCCESS;
}
int nvmlInitWithFlags(unsigned flags) { return nvmlInit_v2(); }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "stand-in error"; }
int nvmlDeviceGetCount_v2(unsigned *n) {
    if (broken) return broken;
    if (!initialised) return UNINITIALIZED;
    passes++, *n = count;
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned i, Device **device) {
    if (i >= (unsigned)count) return INVALID_ARGUMENT;
    *device = &devices[i];
    return SUCCESS;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, Device **device) {
    for (int i = 0; i < count; i++)
        if (!strcmp(devices[i].uuid, uuid)) return *device = &devices[i], SUCCESS;
    return NOT_FOUND;
}
int nvmlDeviceGetUUID(Device *d, char *out, unsigned size) {
    if (d->lost) return GPU_IS_LOST;
    return snprintf(out, size, "%s", d->uuid), SUCCESS;
}
int nvmlDeviceGetName(Device *d, char *out, unsigned size) {
    return snprintf(out, size, "Stand-in 80GB"), SUCCESS;
}
int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    return snprintf(out, size, "580.1"), SUCCESS;
}
int nvmlDeviceGetUtilizationRates(Device *d, unsigned *rates) {
    rates[1] = 0;
    return answer32(d, d->gpu, rates);
}
int nvmlDeviceGetEncoderUtilization(Device *d, unsigned *use, unsigned *period) {
    *period = 1000;
    return answer32(d, d->encoder, use);
}
int nvmlDeviceGetMemoryInfo(Device *d, unsigned long long *memory) {
    memory[1] = d->total - d->used, memory[2] = d->used;
    return answer(d, d->total, &memory[0]);
}
int nvmlDeviceGetPowerUsage(Device *d, unsigned *out) { return answer32(d, d->power, out); }
int nvmlDeviceGetTotalEnergyConsumption(Device *d, unsigned long long *out) {
    return answer(d, d->energy, out);
}
int nvmlDeviceGetTemperature(Device *d, int sensor, unsigned *out) {
    return answer32(d, sensor ? UNSET : d->celsius, out);
}
int nvmlDeviceGetTotalEccErrors(Device *d, int kind, int counter, unsigned long long *out) {
    return answer(d, kind ? d->uncorrected : d->corrected, out);
}
int nvmlDeviceGetCurrentClocksEventReasons(Device *d, unsigned long long *out) {
    return answer(d, d->reasons, out);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device *d, unsigned long long *out) {
    return answer(d, d->old_reasons, out);
}
int nvmlDeviceGetMigMode(Device *d, unsigned *current, unsigned *pending) {
    *pending = 0;
    return answer32(d, d->mig, current);
}
int nvmlDeviceGetMaxMigDeviceCount(Device *d, unsigned *n) {
    *n = 2;
    return SUCCESS;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device *d, unsigned index, Device **part) {
    for (int i = 0; i < MOST; i++)
        if (devices[i].parent == d - devices && index-- == 0)
            return *part = &devices[i], SUCCESS;
    return NOT_FOUND;
}
int nvmlEventSetCreate(void **set) { return *set = events, SUCCESS; }
int nvmlDeviceRegisterEvents(Device *d, unsigned long long types, void *set) {
    return registered |= 1 << (d - devices), SUCCESS;
}
typedef struct {
    Device *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} Event;
int nvmlEventSetWait_v2(void *set, Event *event, unsigned milliseconds) {
    if (event_first == event_last) return TIMEOUT;
    event->device = &devices[event_device[event_first]];
    event->type = 8, event->data = events[event_first++];
    return SUCCESS;
}
