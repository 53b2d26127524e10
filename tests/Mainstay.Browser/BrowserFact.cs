namespace Mainstay.Browser;

/// <summary>A test that needs the system's Chromium with its driver; skipped, with the reason, where they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute()
    {
        if (Window.Chromium is null || Window.Driver is null)
            Skip = "Chromium or chromedriver is missing from /usr/bin: apt-get install chromium chromium-driver.";
    }
}
