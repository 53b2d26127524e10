using System.Text.Json;
using Deque.AxeCore.Commons;
using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Support.UI;

namespace Mainstay.Browser;

/// <summary>One window of the system's Chromium, with a profile of its own that goes with it.</summary>
internal sealed class Window : IDisposable
{
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(40);

    private readonly string _profile = Directory.CreateTempSubdirectory("mainstay-browser-").FullName;
    private readonly Uri _site;
    private readonly ChromeDriverService _service;
    private readonly ChromeDriver _driver;

    public Window(Uri site)
    {
        _site = site;
        var options = new ChromeOptions { BinaryLocation = Chromium };
        options.AddArguments(
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", $"--user-data-dir={_profile}");
        options.SetLoggingPreference(LogType.Browser, LogLevel.All);
        // Both paths are given, so nothing is looked for or fetched.
        _service = ChromeDriverService.CreateDefaultService(Path.GetDirectoryName(Driver), Path.GetFileName(Driver));
        _driver = new ChromeDriver(_service, options, TimeSpan.FromMinutes(2));
        Resize(1280);
    }

    public static string? Chromium { get; } = Find("chromium", "chromium-browser");

    public static string? Driver { get; } = Find("chromedriver");

    public string Title => _driver.Title;

    public string Text => TextOf("main");

    /// <summary>Path of the page that is shown.</summary>
    public string Place => new Uri(_driver.Url).AbsolutePath;

    public void Open(string path) => _driver.Navigate().GoToUrl(new Uri(_site, path));

    public IWebElement Element(string css) => _driver.FindElement(By.CssSelector(css));

    /// <summary>What a person reads there; "" if it is not there. Asked in one go, as a page that renews itself may take an
    /// element away between finding and reading it.</summary>
    public string TextOf(string css) => Texts(css).FirstOrDefault("");

    public IReadOnlyList<string> Texts(string css) => Evaluate<string[]>($"[...document.querySelectorAll(`{css}`)].map(e => e.innerText)");

    /// <summary>Moment that the page shows in its headline.</summary>
    public string AsOf => Evaluate<string>("document.querySelector('.headline time')?.dateTime ?? ''");

    /// <summary>Waits until it is so; a page that renews itself takes elements away while one looks.</summary>
    public void Until(Func<Window, bool> isSo, string what) => Until(isSo, what, Generous);

    public void Until(Func<Window, bool> isSo, string what, TimeSpan within)
    {
        var wait = new WebDriverWait(new SystemClock(), _driver, within, TimeSpan.FromMilliseconds(100));
        wait.IgnoreExceptionTypes(typeof(StaleElementReferenceException), typeof(NoSuchElementException), typeof(ElementNotInteractableException));
        try
        {
            wait.Until(_ => isSo(this));
        }
        catch (WebDriverTimeoutException)
        {
            Assert.Fail($"{what}: not within {within.TotalSeconds:0} s. {_driver.Url} shows:\n{Text}");
        }
    }

    public void Resize(int width) =>
        Ask("Emulation.setDeviceMetricsOverride", new() { ["width"] = width, ["height"] = 800, ["deviceScaleFactor"] = 1, ["mobile"] = width < 500 });

    /// <param name="scheme">light or dark.</param>
    public void Prefer(string scheme) => Ask("Emulation.setEmulatedMedia", new()
    {
        ["features"] = new[] { new Dictionary<string, object> { ["name"] = "prefers-color-scheme", ["value"] = scheme } },
    });

    /// <summary>Opens a page whose scripts never run.</summary>
    public void OpenWithoutScript(string path)
    {
        Ask("Emulation.setScriptExecutionDisabled", new() { ["value"] = true });
        Open(path);
        // What the page was without script stays so; the test may look again.
        Ask("Emulation.setScriptExecutionDisabled", new() { ["value"] = false });
    }

    /// <summary>Runs a script in the page and returns its answer.</summary>
    public T Evaluate<T>(string expression)
    {
        var json = (string)_driver.ExecuteScript($"return JSON.stringify({expression})")!;
        return JsonSerializer.Deserialize<T>(json)!;
    }

    public void Click(string css)
    {
        Until(
            w =>
            {
                w.Element(css).Click();
                return true;
            },
            $"{css} can be clicked");
    }

    /// <summary>Clicks into a field and types.</summary>
    public void Type(string css, string text)
    {
        Click(css);
        Element(css).SendKeys(text);
    }

    /// <summary>Errors and broken content policies that the browser noted since the last look.</summary>
    public IReadOnlyList<string> Complaints() =>
        [.. _driver.Manage().Logs.GetLog(LogType.Browser).Where(l => l.Level >= LogLevel.Warning).Select(l => l.Message)];

    /// <summary>What axe-core finds against WCAG 2.2 A and AA, a line each.</summary>
    public IReadOnlyList<string> AccessibilityViolations()
    {
        _driver.ExecuteScript(new BundledAxeScriptProvider().GetScript());
        var json = (string)_driver.ExecuteAsyncScript("""
            const done = arguments[arguments.length - 1];
            axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] }).then(
                r => done(JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + v.help + ': ' + n.html)))),
                e => done(JSON.stringify(['axe failed: ' + e])));
            """)!;
        return JsonSerializer.Deserialize<string[]>(json)!;
    }

    public void Dispose()
    {
        _driver.Dispose();
        _service.Dispose();
        try
        {
            Directory.Delete(_profile, recursive: true);
        }
        catch (IOException)
        {
            // A last write of the browser; the folder is temporary.
        }
    }

    private void Ask(string command, Dictionary<string, object?> parameters) => _driver.ExecuteCdpCommand(command, parameters);

    private static string? Find(params string[] names) => names.Select(n => $"/usr/bin/{n}").FirstOrDefault(File.Exists);
}
