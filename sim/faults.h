/* What can go wrong in a simulated world?
 *
 * Classes of faults, counted as they strike, not as they are planned; the rows of the fault matrix
 * that each stands for are in docs/TESTING.md. Whoever adds one makes chaos.c draw it. */
#ifndef SEALIFT_SIM_FAULTS_H
#define SEALIFT_SIM_FAULTS_H

#define SIM_FAULT_LIST(X) \
    X(FAULT_KILL, "kill") \
    X(FAULT_POWER, "power-cut") \
    X(FAULT_POWER_ALL, "power-cut-everywhere") \
    X(FAULT_RECRASH, "crash-while-recovering") \
    X(FAULT_BEHIND, "power-cut-behind-a-replica") \
    X(FAULT_CUT_CRASH, "crash-in-a-cut") \
    X(FAULT_STOP, "orderly-stop") \
    X(FAULT_PAUSE, "process-paused") \
    X(FAULT_CUT, "link-cut") \
    X(FAULT_FLAP, "flapping-link") \
    X(FAULT_PARTITION, "partition") \
    X(FAULT_STALL, "one-way-stall") \
    X(FAULT_DIAL, "dial-failure") \
    X(FAULT_TORN, "torn-write") \
    X(FAULT_TORN_BEFORE, "torn-before-whole") \
    X(FAULT_IO, "write-error") \
    X(FAULT_READ, "read-error") \
    X(FAULT_FULL, "disk-full") \
    X(FAULT_FILLING, "disk-filling") \
    X(FAULT_SLOW_DISK, "slow-disk") \
    X(FAULT_ROT, "bit-flip") \
    X(FAULT_MISDIRECTED, "misdirected-write") \
    X(FAULT_LOST_FILE, "lost-segment-file") \
    X(FAULT_CONTROL, "bad-control-copies") \
    X(FAULT_NO_CONTROL, "no-good-control-copy") \
    X(FAULT_LOST_DISK, "lost-disk") \
    X(FAULT_KEYS_SILENT, "key-service-unreachable") \
    X(FAULT_KEYS_SLOW, "key-service-slow") \
    X(FAULT_KEYS_HANG, "key-service-hangs") \
    X(FAULT_KEYS_REFUSE, "key-disabled-or-denied") \
    X(FAULT_KEYS_WRONG, "wrong-data-key") \
    X(FAULT_CLAIM, "coordinator-unreachable") \
    X(FAULT_CLAIM_LOSS, "coordinator-restored") \
    X(FAULT_CLOCK, "wall-clock-jump") \
    X(FAULT_FORGED, "forged-bytes") \
    X(FAULT_TWICE, "message-twice") \
    X(FAULT_SWAPPED, "messages-swapped") \
    X(FAULT_OLD_EPOCH, "message-of-an-old-epoch") \
    X(FAULT_FALSE_ACK, "false-ack") \
    X(FAULT_COMMAND, "contradicting-start") \
    X(FAULT_TRESPASS, "append-without-leave") \
    X(FAULT_NONSENSE, "nonsense-peer") \
    X(FAULT_IMPOSTOR, "wrong-member") \
    X(FAULT_PROMOTION, "promotion") \
    X(FAULT_TWIN, "one-certificate-twice") \
    X(FAULT_ROTATION, "data-key-rotated") \
    X(FAULT_REWRAP, "envelopes-rewrapped") \
    X(FAULT_KEY_LOST, "key-lost") \
    X(FAULT_KEY_GONE, "key-lost-for-good")

enum sim_fault {
#define FAULT_ENUM(name, text) name,
    SIM_FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        SIM_FAULTS
};

#endif
