import pytest

from error_manager.core.in_app import is_in_app

CASES = [
    ("python", "shop/pay.py", "/srv/app/shop/pay.py", "shop.pay", True),
    (
        "python",
        "requests/api.py",
        "/srv/app/.venv/lib/python3.12/site-packages/requests/api.py",
        "requests.api",
        False,
    ),
    ("python", "json/decoder.py", "/usr/lib/python3.11/json/decoder.py", "json.decoder", False),
    ("python", "asyncio/runners.py", "", "asyncio.runners", False),
    ("python", "<frozen importlib._bootstrap>", "", "importlib._bootstrap", False),
    ("python", "run.py", "", "__main__", True),
    ("python", "C:\\app\\shop\\pay.py", "C:\\app\\shop\\pay.py", "shop.pay", True),
    ("node", "/app/node_modules/express/lib/router.js", "", "", False),
    ("node", "node:internal/process/task_queues", "", "", False),
    ("javascript", "app.js", "https://shop.example/static/app.js", "", True),
    ("java", "Thread.java", "", "java.lang.Thread", False),
    ("java", "Pay.java", "", "com.acme.Pay", True),
    ("csharp", "", "", "System.Linq.Enumerable", False),
    ("csharp", "", "", "Acme.Orders.Importer", True),
    ("go", "api/server.go", "/src/api/server.go", "acme/api", True),
    ("go", "server.go", "/usr/local/go/src/net/http/server.go", "net/http", False),
    ("php", "/var/www/vendor/symfony/Kernel.php", "", "", False),
    ("ruby", "/usr/lib/ruby/gems/rack/builder.rb", "", "", False),
    ("rust", "", "", "core::panicking", False),
    ("klingon", "warp.k", "", "", True),
]


@pytest.mark.parametrize(("platform", "filename", "abs_path", "module", "expected"), CASES)
def test_tells_the_application_from_libraries(platform, filename, abs_path, module, expected):
    """Each platform's own libraries and installed packages are not in the application; the rest is."""
    actual = is_in_app(platform=platform, filename=filename, abs_path=abs_path, module=module, package="")
    assert actual is expected


def test_system_packages_of_native_platforms_are_not_in_app():
    """A native frame belongs to the application unless its binary is a system library."""
    place = {"platform": "cocoa", "filename": "", "abs_path": "", "module": ""}
    assert is_in_app(**place, package="/Applications/Shop.app/Shop")
    assert not is_in_app(**place, package="/System/Library/Frameworks/UIKit")
