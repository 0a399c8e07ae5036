//! Our own programs, as the build left them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder to look in before all others.
const FOLDER_VARIABLE: &str = "SPILLWAY_BIN_DIR";

/// Where the program `name` is: in `SPILLWAY_BIN_DIR`, or beside this test in the build's folder.
///
/// # Errors
/// Where it was looked for, if it is nowhere.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let mut folders: Vec<PathBuf> = env::var_os(FOLDER_VARIABLE)
        .map(PathBuf::from)
        .into_iter()
        .collect();
    // target/debug/deps/<test> and target/debug/<program>.
    if let Ok(test) = env::current_exe() {
        folders.extend(test.ancestors().skip(1).take(2).map(Path::to_path_buf));
    }
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{name} is not built (looked in {folders:?})"))
}

/// A Python with what `testbed/NAME.txt` pins, made where it is not there yet.
///
/// `None` where it cannot be had: the reason is printed, and the test is to return.
///
/// # Panics
/// Where it cannot be had and `CI` is set.
#[must_use]
pub fn require_python(name: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/python.sh");
    let made = match Command::new(script).arg(name).output() {
        Ok(made) => made,
        Err(error) => return crate::skip(&format!("{name} cannot be made: {error}")),
    };
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        return crate::skip(&format!("{name} cannot be had: {why}"));
    }
    Some(String::from_utf8_lossy(&made.stdout).trim().into())
}

/// A command for the program `name` with libtorch on its library path.
///
/// `None` where it is not built: the reason is printed, and the test is to return.
///
/// # Panics
/// Where it is not built and `CI` is set.
#[must_use]
pub fn require_program(name: &str) -> Option<Command> {
    let path = match program(name) {
        Ok(path) => path,
        Err(why) => return crate::skip(&why),
    };
    let mut command = Command::new(path);
    if let Some(libtorch) = env::var_os("LIBTORCH") {
        let mut folders = vec![Path::new(&libtorch).join("lib")];
        if let Some(others) = env::var_os("LD_LIBRARY_PATH") {
            folders.extend(env::split_paths(&others));
        }
        if let Ok(joined) = env::join_paths(folders) {
            command.env("LD_LIBRARY_PATH", joined);
        }
    }
    Some(command)
}
