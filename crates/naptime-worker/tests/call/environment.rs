//! What the machine is like: proxies in its environment, IPv6 off.

use naptime_core::Outcome;

use super::ground::{LONG, OK, Target, call, check, in_a_child, in_a_child_by};

#[tokio::test]
async fn proxies_in_the_environment_are_not_used() {
    let proxy = "http://127.0.0.1:9";
    if std::env::var("HTTP_PROXY").as_deref() != Ok(proxy) {
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
        return in_a_child("environment::proxies_in_the_environment_are_not_used", &names.map(|name| (name, proxy)))
            .await;
    }
    let target = Target::answering(OK).await;
    check(&call(&target.url("/"), LONG).await, Outcome::Ok, Some(200), "hello");
}

#[tokio::test]
async fn an_ipv6_address_where_ipv6_is_off_is_no_fault_of_this_machine() {
    if std::env::var_os("WITHOUT_IPV6").is_none() {
        let off = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$0\" \"$@\"";
        let child = ["unshare", "--net", "sh", "-c", off, std::env::current_exe().unwrap().to_str().unwrap()]
            .map(str::to_owned);
        let test = "environment::an_ipv6_address_where_ipv6_is_off_is_no_fault_of_this_machine";
        return in_a_child_by(&child, test, &[("WITHOUT_IPV6", "1")]).await;
    }
    let answer = call("http://[::1]:9/", LONG).await;
    check(&answer, Outcome::ConnectionFailed, None, "no connection could be made: network unreachable");
}
