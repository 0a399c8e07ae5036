//! Links the worker so that it finds libtorch where it was built against, without `LD_LIBRARY_PATH`.
//!
//! Libraries of CUDA are not linked: the worker loads them at start where libtorch has them (`ffi::load_cuda`), so one
//! program serves with and without a GPU.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let from_torch_sys = std::env::var("DEP_TCH_LIBTORCH_LIB");
    let from_environment = || std::env::var("LIBTORCH").map(|root| format!("{root}/lib"));
    if let Ok(folder) = from_torch_sys.or_else(|_| from_environment()) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
