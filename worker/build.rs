//! Links the worker so that it finds libtorch where it was built against, without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let from_torch_sys = std::env::var("DEP_TCH_LIBTORCH_LIB");
    let from_environment = || std::env::var("LIBTORCH").map(|root| format!("{root}/lib"));
    let Ok(folder) = from_torch_sys.or_else(|_| from_environment()) else {
        return;
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    // Nothing calls into libtorch_cuda by name, so the linker would drop it and CUDA would look absent.
    if std::path::Path::new(&folder)
        .join("libtorch_cuda.so")
        .exists()
    {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-L{folder}");
        println!("cargo:rustc-link-arg=-ltorch_cuda");
    }
}
