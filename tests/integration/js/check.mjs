// What is said of each promise, in the words of keyd_lib.sh; the exit code says whether all hold.

export function is(what, found, wanted) {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a === b) {
        console.log(`ok   ${what}`);
    } else {
        console.log(`FAIL ${what}: is ${a}, not ${b}`);
        process.exitCode = 1;
    }
}

// It must fail with an error of this name.
export async function refused(what, name, call) {
    const error = await call().then(() => undefined, error => error);
    is(`${what} (${name})`, error?.name, name);
    return error;
}

// It must fail.
export async function fails(what, call) {
    is(what, await call().then(() => "was not refused", () => "refused"), "refused");
}
