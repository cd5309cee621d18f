//! Makes the folder of the built console exist, so that a fresh clone compiles before the web build has run; the hub
//! then says that its web assets are missing. When the folder changes, the files are embedded again.

fn main() {
    let dist = std::path::Path::new("web/dist");
    if !dist.exists()
        && let Err(error) = std::fs::create_dir_all(dist)
    {
        println!("cargo:warning=cannot create {}: {error}", dist.display());
    }
    println!("cargo:rerun-if-changed=web/dist");
    println!("cargo:rerun-if-changed=build.rs");
}
